import { join } from 'node:path';
import { cachedEnvoy, downloadEnvoy, NO_ENVOY, OLDEST_ENVOY } from './envoy.mjs';
import { cachedGrpcCore, downloadGrpcCore } from './grpc-core.mjs';
import { withLock } from './lock.mjs';
import { SetupError } from './run.mjs';

/** What only tests need, besides an Envoy: each is fetched once, and told to the tests by a variable. */
const TOOLS = [
  {
    variable: 'ENVOY_OLDEST_PATH',
    title: `downloading Envoy ${OLDEST_ENVOY.version} for the tests (${OLDEST_ENVOY.megabytes} MB, once)`,
    find: () => cachedEnvoy(OLDEST_ENVOY),
    get: () => downloadEnvoy(OLDEST_ENVOY),
  },
  {
    variable: 'GRPC_CORE_PATH',
    title: "downloading Python's gRPC for the tests (8 MB, once)",
    find: cachedGrpcCore,
    get: downloadGrpcCore,
  },
];

/** The value of a tool's variable when there is none. */
const NO_TOOL = 'none';

/**
 * Resolves with the variables for the tests. Who goes without an Envoy, `ENVOY_PATH=none`, goes without these; and what
 * cannot be fetched is said, for the tests to decide what that means.
 */
export async function setUpTestTools({ env, envoyPath, progress }) {
  const found = await Promise.all(
    TOOLS.map(async ({ variable, find }) => [variable, env[variable] || (await find()) || NO_TOOL]),
  );
  const variables = Object.fromEntries(found);
  const missing = TOOLS.filter(({ variable }) => variables[variable] === NO_TOOL && env[variable] !== NO_TOOL);
  if (missing.length === 0 || envoyPath === NO_ENVOY) return variables;
  await withLock(
    join('.cache', 'setup.lock'),
    () => {},
    async () => {
      for (const tool of missing) variables[tool.variable] = (await tool.find()) ?? (await getTool(tool, progress));
    },
  );
  return variables;
}

async function getTool({ title, get }, progress) {
  try {
    return await progress.step(title, get);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    progress.say(`set-up: ${error.message}`);
    return NO_TOOL;
  }
}
