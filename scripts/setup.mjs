// Makes everything that `npm start` and `npm test` need, and does nothing when all of it is there: npm packages, the native
// addon, the build, an Envoy, and for the tests tap's runner. Uses nothing but Node.js itself, because it runs before `npm ci`.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachesFor } from './setup/caches.mjs';
import { BUNDLED_TAP_STEP, checkNode, RUNNER_STEP, STEPS } from './setup/dependencies.mjs';
import { downloadEnvoy, findEnvoy, HOW_TO_GET_ENVOY, NEWEST_ENVOY } from './setup/envoy.mjs';
import { withLock } from './setup/lock.mjs';
import { createProgress } from './setup/progress.mjs';
import { SetupError } from './setup/run.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

/**
 * With `forTests` the test runner, too. Resolves with `{ envoyPath }`, which is undefined when there is no Envoy (said on the terminal, with ways to get one).
 * @throws SetupError with what to do.
 */
export async function setUp({ env = process.env, progress = createProgress(), forTests = false } = {}) {
  await checkNode();
  const { variables, reasons } = await cachesFor(process.env);
  // For all that is started from here on, the tests among them.
  Object.assign(process.env, variables);
  const envoy = await findEnvoy(env);
  const isEnvoyWanted = envoy.path === undefined && !envoy.isRefused;
  const steps = forTests ? [...STEPS, RUNNER_STEP, BUNDLED_TAP_STEP] : STEPS;
  const due = await dueSteps(steps);
  if (due.length === 0 && !isEnvoyWanted) return { envoyPath: envoy.path };
  for (const reason of reasons) progress.say(`set-up: ${reason}`);
  const onWait = () => progress.say('set-up: waiting for another one of this project to finish');
  return withLock(join('.cache', 'setup.lock'), onWait, async () => {
    for (const step of steps) {
      if (!(await step.isDone())) await progress.step(step.title, () => step.work(progress));
    }
    return { envoyPath: isEnvoyWanted ? await getEnvoy(env, progress) : envoy.path };
  });
}

async function dueSteps(steps) {
  const done = await Promise.all(steps.map((step) => step.isDone()));
  return steps.filter((_, index) => !done[index]);
}

/** Without an Envoy everything else still works, so a failure here is told and not thrown. */
async function getEnvoy(env, progress) {
  const found = await findEnvoy(env);
  if (found.path !== undefined) return found.path;
  try {
    return await progress.step(`downloading Envoy (${NEWEST_ENVOY.megabytes} MB, once)`, () =>
      downloadEnvoy(NEWEST_ENVOY),
    );
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    progress.say(`set-up: no Envoy: ${error.message}\n${HOW_TO_GET_ENVOY}`);
    return undefined;
  }
}

/** Runs `main`, and turns a SetupError into its message and exit code 1. */
export async function runScript(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`set-up: ${error.message}`);
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runScript(async () => {
    const { envoyPath } = await setUp({ forTests: true });
    console.log(`set-up: ready; Envoy: ${envoyPath ?? 'none'}`);
  });
}
