import { access, readFile, rm } from 'node:fs/promises';
import { ADDON_FOLDER, ADDON_SOURCES, buildAddons, missingTools } from '../build-native.mjs';
import { stateOfAddons } from './addon-revision.mjs';
import { BUNDLED_TAP, bundleTap, TAP_STAMP } from './bundled-tap.mjs';
import { excerpt, run, SetupError } from './run.mjs';
import { hashOf, isStamped, writeStamp } from './stamp.mjs';

const PACKAGES_STAMP = 'node_modules/.sidecert-stamp';
const BUILD_STAMP = 'build/.sidecert-stamp';
const ADDON_STAMP = 'node_modules/.sidecert-addon-stamp';

/** Eight seconds on two quiet cores; on a machine that is busy it took more than a minute. */
const ADDON_LIMIT_MS = 600_000;

const NO_ADDON_MEANS =
  'Everything works without it, in JavaScript: a key with its CSR then costs about 8 times as much CPU. To have it, install a C++ compiler, make and Python 3, and run npm run setup.';

/** What npm prints when it is the network or the registry that failed. */
const REGISTRY_TROUBLE = /ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ERR_SOCKET_TIMEOUT|E40[134]|E50\d/;

/** Fails unless the running Node.js is at least the one that package.json asks for. */
export async function checkNode() {
  const { engines } = JSON.parse(await readFile('package.json', 'utf8'));
  const wanted = engines.node.replace(/^\D+/, '').split('.').map(Number);
  const running = process.versions.node.split('.').map(Number);
  const difference = wanted.map((part, index) => running[index] - part).find((part) => part !== 0) ?? 0;
  if (difference < 0) {
    throw new SetupError(`Node.js: got ${process.versions.node}, expected ${engines.node}; install a newer Node.js`);
  }
}

/** The steps of set-up that the program needs, which only depend on files of this project: `{ title, isDone(), work(progress) }` each, in order. */
export const STEPS = [
  {
    title: 'installing npm packages',
    isDone: async () => isStamped(PACKAGES_STAMP, await packagesHash()),
    async work() {
      const { code, output } = await npm('ci', '--no-audit', '--no-fund', '--loglevel=error');
      if (code !== 0) throw new SetupError(`${reasonOfNpm(output)}:\n${excerpt(output)}`);
      await writeStamp(PACKAGES_STAMP, await packagesHash());
    },
  },
  {
    // Without a compiler there is no addon, and everything works with the slower JavaScript: said once, no failure.
    title: 'compiling the native addon',
    async isDone() {
      const hash = await addonHash();
      const outcome = (await stateOfAddons(ADDON_FOLDER)) === 'current' ? 'built' : 'failed';
      return isStamped(ADDON_STAMP, `${outcome} ${hash}`);
    },
    async work(progress) {
      const hash = await addonHash();
      const missing = await missingTools();
      const failure =
        missing.length > 0
          ? `${missing.join(', ')} not found`
          : await buildAddons({ timeoutMs: ADDON_LIMIT_MS }).then(
              () => '',
              (error) => error.message,
            );
      if (failure !== '') progress.say(`set-up: no native addon: ${failure}\n${NO_ADDON_MEANS}`);
      await writeStamp(ADDON_STAMP, `${failure === '' ? 'built' : 'failed'} ${hash}`);
    },
  },
  {
    title: 'building',
    isDone: async () => (await exists('dist/sidecert.js')) && (await isStamped(BUILD_STAMP, await buildHash())),
    async work() {
      const hash = await buildHash();
      const { code, output } = await run(process.execPath, ['scripts/build.mjs']);
      if (code !== 0) throw new SetupError(`the build failed:\n${excerpt(output)}`);
      await writeStamp(BUILD_STAMP, hash);
    },
  },
];

/**
 * The step that `npm test` needs as well. .taprc removes a plugin, so tap builds a runner of its own inside its package, with absolute paths:
 * without it the very first run would find no tests. A reinstall resets that folder and a moved clone makes its paths wrong, so the stamp lies
 * inside it and names this folder.
 */
export const RUNNER_STEP = {
  title: 'preparing the test runner',
  isDone: async () => (await exists('.tap/plugins')) && (await isStamped(TAP_STAMP, await tapHash())),
  async work() {
    const { code, output } = await run(process.execPath, ['node_modules/tap/dist/esm/run.mjs', 'build']);
    if (code !== 0) throw new SetupError(`tap could not build its runner:\n${excerpt(output)}`);
    await rm(BUNDLED_TAP, { recursive: true, force: true });
    await writeStamp(TAP_STAMP, await tapHash());
  },
};

/** The runner's step takes away what was made of the runner before; a build makes it again by itself. */
export const BUNDLED_TAP_STEP = {
  title: 'putting tap into one file',
  // Written last: without it, nothing finds the rest.
  isDone: () => exists(`${BUNDLED_TAP}/package.json`),
  work: bundleTap,
};

/** The Node.js version counts too: packages with native parts are installed for one. */
const packagesHash = async () => `${await hashOf(['package-lock.json'])} ${process.version}`;
const tapHash = async () => `${await hashOf(['.taprc', 'package-lock.json'])} ${process.cwd()}`;
const buildHash = () =>
  hashOf([
    ...[
      'src',
      'test',
      'bench',
      'scripts/build.mjs',
      'scripts/setup/bundled-tap.mjs',
      'scripts/code-cache.mjs',
      'package-lock.json',
      'prebuilds',
    ],
    // Their revision is in what is built.
    ...['native', 'binding.gyp'],
  ]);

/** The tools count too: when a compiler comes, the addon does. */
const addonHash = async () => `${await hashOf(ADDON_SOURCES)} ${(await missingTools()).join()}`;

/** npm itself when it started us, so that its version and settings stay the same; else the one on the PATH. */
function npm(...args) {
  const script = process.env.npm_execpath;
  return script?.endsWith('npm-cli.js') ? run(process.execPath, [script, ...args]) : run('npm', args);
}

function reasonOfNpm(output) {
  if (/ENOENT/.test(output) && /spawn npm/.test(output)) return 'npm is missing on the PATH; it comes with Node.js';
  if (REGISTRY_TROUBLE.test(output)) {
    return 'npm could not get the packages from its registry; check the network, or `npm config get registry`';
  }
  return 'npm ci failed';
}

async function exists(path) {
  return access(path).then(
    () => true,
    () => false,
  );
}
