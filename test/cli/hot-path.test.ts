import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { loadAddon } from '../../src/system/addon/index.js';
import { shortDir } from '../support/short-dir.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { TestCa } from '../support/test-ca.js';

const MACHINE = `${process.platform}-${process.arch}`;

const load = loadAddon();
const skip = load.kind === 'absent' && load.reason;

const DIST = fileURLToPath(new URL('../../../dist/', import.meta.url));

/** What ships, on a machine where no addon could be compiled, and the flags of an agent there. */
function shippedWithoutAddon(t: Test) {
  const directory = shortDir(t);
  const dist = join(directory, 'dist');
  cpSync(DIST, dist, { recursive: true });
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (file.endsWith('.node')) rmSync(join(dist, file));
  }
  const root = join(directory, 'root.pem');
  writeFileSync(root, TestCa.root().certificatePem);
  const flags = [
    ...['agent', '--ca-address', '127.0.0.1:1', '--ca-root', root, '--token-file', root],
    ...['--namespace', 'foo', '--service-account', 'sleep'],
  ];
  return { program: join(dist, 'sidecert.js'), directory, flags };
}

/**
 * As {@link shippedWithoutAddon}, but with one that differs in nothing but its revision: the way it would take is the
 * same.
 */
function shippedWithOlderAddon(t: Test) {
  const shipped = shippedWithoutAddon(t);
  const file = `prebuilds/${MACHINE}/sidecert.node`;
  const library = readFileSync(join(DIST, 'threads', file));
  const at = library.indexOf(load.kind === 'loaded' ? load.addon.revision : '');
  library.write('sha256-x', at);
  mkdirSync(join(shipped.directory, 'dist/threads/prebuilds', MACHINE), { recursive: true });
  writeFileSync(join(shipped.directory, 'dist/threads', file), library);
  return shipped;
}

t.test('native without the addon is an error at start, which says what to do', async (t) => {
  const { program, directory, flags } = shippedWithoutAddon(t);
  const { status, stderr } = spawnSync(process.execPath, [program, ...flags, '--hot-path', 'native', '--socket', 's'], {
    cwd: directory,
    encoding: 'utf8',
  });
  t.equal(status, 1);
  t.match(stderr, /ERR_CONFIG_INVALID: hot path: got native, but no addon .*npm run setup.*auto or js/);
});

t.test(
  'an addon of another revision is an error at start for native, and js with the reason for auto',
  { skip },
  async (t) => {
    const { program, directory, flags } = shippedWithOlderAddon(t);
    const agent = (...args: string[]) => [program, ...flags, '--socket', join(directory, 's'), ...args];
    const { status, stderr } = spawnSync(process.execPath, agent('--hot-path', 'native'), { encoding: 'utf8' });
    t.equal(status, 1);
    t.match(
      stderr,
      /ERR_CONFIG_INVALID: hot path: got native, but the addon was built from other sources.*npm run setup/,
    );
    const running = new SidecertProcess(t, agent('--hot-path', 'auto').slice(1), {
      sidecert: [process.execPath, program],
    });
    t.match(
      await running.log.upTo('"agent ready"'),
      /"msg":"hot path chosen","mode":"js","reason":"the addon was built from other sources: got revision/,
    );
  },
);

for (const kind of ['auto', 'js']) {
  t.test(`${kind} without the addon starts, in JavaScript, and says so`, async (t) => {
    const { program, directory, flags } = shippedWithoutAddon(t);
    const args = [...flags, '--hot-path', kind, '--socket', join(directory, 's')];
    const agent = new SidecertProcess(t, args, { sidecert: [process.execPath, program] });
    t.match(await agent.log.upTo('"agent ready"'), /"msg":"hot path chosen","mode":"js"/);
  });
}

const busy = ['agent', 'citadel', 'injector', 'demo', 'fleet', 'load-ca', 'doctor', 'version'];

t.test(
  'every command with work for the addon takes the flag and its variable, and refuses other values by name',
  async (t) => {
    for (const command of busy) {
      const sidecert = (args: string[], env = {}) =>
        spawnSync(process.execPath, [join(DIST, 'sidecert.js'), command, ...args], {
          env: { ...process.env, ...env },
          encoding: 'utf8',
        });
      const expected = { status: 2, stderr: /got "fast", expected one of native, js, auto/ };
      t.match(sidecert(['--hot-path', 'fast']), expected, command);
      t.match(sidecert([], { SIDECERT_HOT_PATH: 'fast' }), expected, command);
    }
  },
);

t.test('version tells who would do the cryptography under the same settings, also when nobody would', async (t) => {
  const { program } = shippedWithoutAddon(t);
  const version = (args: string[], env = {}) =>
    spawnSync(process.execPath, [program, 'version', ...args], { env: { ...process.env, ...env }, encoding: 'utf8' });
  t.match(version(['--hot-path', 'js']).stdout, 'hot path js: asked for)');
  t.match(version([], { SIDECERT_HOT_PATH: 'js' }).stdout, 'hot path js: asked for)');
  const none = version(['--hot-path', 'native']);
  t.match(none, {
    status: 0,
    stdout: /^sidecert .* hot path none: hot path: got native, but no addon .*npm run setup/,
  });
  t.match(version(['--nope']), { status: 2, stderr: /--nope: got an unknown flag/ });
});

t.test('of the addons for several machines the one for this is taken, and version tells who works', async (t) => {
  const { program, directory } = shippedWithoutAddon(t);
  const args = [program, 'version', '--hot-path', 'auto'];
  const version = () => spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout;
  const prebuilds = join(directory, 'dist/threads/prebuilds');
  for (const machine of ['linux-x64', 'linux-arm64', 'darwin-arm64']) {
    mkdirSync(join(prebuilds, machine), { recursive: true });
    if (machine !== MACHINE) writeFileSync(join(prebuilds, machine, 'sidecert.node'), 'of another machine');
  }
  t.match(version(), `hot path js: no addon for ${MACHINE} was built`);
  writeFileSync(join(prebuilds, MACHINE, 'sidecert.node'), 'no library');
  t.match(version(), 'hot path js: the addon does not load: ');
});
