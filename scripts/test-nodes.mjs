// `node scripts/test-nodes.mjs [--line 24]... [--suite] [--cxx clang++] [TEST FILES]`: the program on every line of Node that we
// support, or on those that are named, each as its own program from npm. On each:
//   - the addon runs that was compiled against the headers of another line, which proves what ships: one file for all
//   - what ships is built by it, so that the code cache is its own, and is started by it and by all others
//   - a small load scene is played, and the tests of addon, platform, hot path and of what else depends on the Node run;
//     with --suite all tests, or the files that are named.
// Not part of `npm test`: it downloads 200 MB once, and takes some minutes for each line.
import { readdir } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { testWithAddons } from './build.mjs';
import { buildAddons } from './build-native.mjs';
import { stateOfAddons } from './setup/addon-revision.mjs';
import { NO_ENVOY } from './setup/envoy.mjs';
import { getNode, NODE_VERSIONS, nodeBinary } from './setup/node-lines.mjs';
import { createProgress } from './setup/progress.mjs';
import { excerpt, run, SetupError } from './setup/run.mjs';
import { setUpTestTools } from './setup/test-tools.mjs';
import { runScript, setUp } from './setup.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const HOME = '.cache/nodes';

const ROOMS = ['system/addon', 'system/platform', 'hotpath'];

/** What depends on the Node.js besides: its flags, its code cache, its signals, its inspector, and its nghttp2, which ours is compared with. */
const OTHERS = [
  'cli/each-node',
  'cli/launch',
  'cli/v8-flags',
  'cli/program',
  'cli/signals',
  'fuzz/fuzz',
  'hostile/memory',
];

/** Agent, Citadel and fleet of what ships: 50 Envoys with one identity and its rotation, and 20 with an identity each. */
const LOAD_SCENE = ['build/bench/load.js', '--smoke', '--hot-path', 'native'];

/** Seconds for a test file, as in .taprc, which only the runner reads; a machine that compiles beside needs more. */
const TEST_LIMIT = '300';

/** Files at once. More only makes tests with real processes wait for each other on a small machine. */
const JOBS = 2;

const { values, positionals } = parseArgs({
  options: {
    line: { type: 'string', multiple: true, default: [] },
    suite: { type: 'boolean', default: false },
    cxx: { type: 'string' },
  },
  allowPositionals: true,
});

async function testFiles() {
  if (positionals.length > 0) return positionals;
  // Those of a cluster bring their Node.js along, in the images.
  const all = (await readdir('build/test', { recursive: true })).filter(
    (name) => name.endsWith('.test.js') && !name.startsWith('cluster/'),
  );
  const isWanted = (name) =>
    values.suite || ROOMS.some((room) => dirname(name) === room) || OTHERS.some((other) => name === `${other}.test.js`);
  return all
    .filter(isWanted)
    .map((name) => `build/test/${name}`)
    .sort();
}

/** Runs each of them by `node` to its end, some at a time; resolves with those that failed. A test is a program, so the runner is not needed. */
async function failedOf(node, programs, env) {
  const failed = [];
  const waiting = [...programs];
  const work = async () => {
    for (let program = waiting.shift(); program !== undefined; program = waiting.shift()) {
      const { code, output } = await run(node, program, { env });
      const [totals = ''] = /^# \{.*$/m.exec(output) ?? [];
      console.log(`${code === 0 ? 'ok   ' : 'FAIL '} ${program.join(' ')} ${totals}`);
      if (code === 0) continue;
      console.log(output);
      failed.push(program.join(' '));
    }
  };
  await Promise.all(Array.from({ length: JOBS }, work));
  return failed;
}

await runScript(async () => {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new SetupError('these Nodes are for linux-x64');
  // node-gyp reads it, as make does.
  if (values.cxx !== undefined) Object.assign(process.env, { CXX: values.cxx, LINK: values.cxx });
  const unknown = values.line.filter((line) => !NODE_VERSIONS.some((version) => version.split('.')[0] === line));
  if (unknown.length > 0) {
    const lines = NODE_VERSIONS.map((version) => version.split('.')[0]);
    throw new SetupError(`--line: got ${unknown.join(', ')}, expected some of ${lines.join(', ')}`);
  }
  const wanted = NODE_VERSIONS.filter(
    (version) => values.line.length === 0 || values.line.includes(version.split('.')[0]),
  );
  const { envoyPath = NO_ENVOY } = await setUp();
  const tools = await setUpTestTools({ env: process.env, envoyPath, progress: createProgress() });
  const folders = new Map();
  for (const version of NODE_VERSIONS) folders.set(version, await getNode(version));
  const nodes = [...folders.values()].map(nodeBinary);
  const failures = [];
  try {
    for (const version of wanted) {
      const node = nodeBinary(folders.get(version));
      const compiledFor = NODE_VERSIONS.at(NODE_VERSIONS.indexOf(version) - 1);
      const addons = join(HOME, compiledFor);
      // By another compiler they are others of the same revision.
      const areThere = values.cxx === undefined && (await stateOfAddons(addons)) === 'current';
      if (!areThere) await buildAddons({ out: addons, nodedir: folders.get(compiledFor) });
      const env = {
        ...{
          TAP_TIMEOUT: TEST_LIMIT,
          ...process.env,
          ENVOY_PATH: envoyPath,
          ...tools,
          NODES_PATH: nodes.join(delimiter),
        },
        PATH: [dirname(node), process.env.PATH].join(delimiter),
      };
      const built = await run(node, ['scripts/build.mjs'], { env });
      if (built.code !== 0) throw new SetupError(`Node ${version} does not build:\n${excerpt(built.output)}`);
      await testWithAddons(addons);
      console.log(
        `\n== Node ${version}, the addon compiled for ${compiledFor} by ${values.cxx ?? 'the default compiler'}`,
      );
      const scene = await run(node, LOAD_SCENE, { env });
      console.log(`${scene.code === 0 ? 'ok   ' : 'FAIL '} ${LOAD_SCENE.join(' ')}\n${scene.output}`);
      if (scene.code !== 0) failures.push(`${LOAD_SCENE.join(' ')}, by Node ${version}`);
      const programs = (await testFiles()).map((file) => [file]);
      for (const failed of await failedOf(node, programs, env)) failures.push(`${failed}, by Node ${version}`);
    }
  } finally {
    await run(process.execPath, ['scripts/build.mjs']);
  }
  if (failures.length > 0) throw new SetupError(`failed:\n${failures.join('\n')}`);
  console.log(`\nthe program works on Node ${wanted.join(', ')}`);
});
