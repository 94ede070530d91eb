import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { findPip } from './pip.mjs';
import { excerpt, run, SetupError } from './run.mjs';

/** `directory`, for PYTHONPATH, when the packages have been fetched into it; else `undefined`. */
export async function cachedPackages({ directory }) {
  return access(directory).then(
    () => directory,
    () => undefined,
  );
}

/**
 * Fetches exactly `packages` from PyPI, as wheels, and returns where they lie. They appear there whole or not at all.
 * @throws SetupError saying what is missing.
 */
export async function downloadPackages({ name, directory, packages }) {
  const python = await findPip();
  await mkdir(dirname(directory), { recursive: true });
  const work = await mkdtemp(`${directory}-`);
  try {
    const { code, output } = await run(python, [
      ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:'],
      ...['--target', work, ...packages],
    ]);
    if (code !== 0) throw new SetupError(`pip could not install ${name}:\n${excerpt(output)}`);
    await rename(work, directory);
    return directory;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
