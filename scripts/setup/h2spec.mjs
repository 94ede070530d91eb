import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { firstExecutable, placesOnPath } from './executables.mjs';
import { excerpt, run, SetupError } from './run.mjs';

/** The newest that Go can build by its version. `h2spec/go.mod` pins it with all that it is built of. */
const VERSION = '2.2.1';

const PACKAGE = 'github.com/summerwind/h2spec/cmd/h2spec';
const MODULE_DIRECTORY = fileURLToPath(new URL('h2spec', import.meta.url));
const DIRECTORY = resolve('.cache/h2spec', VERSION);

/** Some seconds on two cores, once its modules have been downloaded. */
const LIMIT_MS = 300_000;

/** Where it lies: built before, or on the PATH; `undefined` when it is nowhere. */
export function findH2spec(env = process.env) {
  return firstExecutable([join(DIRECTORY, 'h2spec'), ...placesOnPath(['h2spec'], env)]);
}

/** Why it cannot be built here; `undefined` when it can. */
export async function whyNoH2spec() {
  return (await run('go', ['version'])).code === 0 ? undefined : 'Go is not on the PATH';
}

/**
 * Builds it and returns where it lies. It appears there whole or not at all.
 * @throws SetupError saying what Go said.
 */
export async function buildH2spec() {
  await mkdir(dirname(DIRECTORY), { recursive: true });
  const work = await mkdtemp(`${DIRECTORY}-`);
  try {
    const { code, output } = await run('go', ['build', '-mod=readonly', '-o', join(work, 'h2spec'), PACKAGE], {
      cwd: MODULE_DIRECTORY,
      timeoutMs: LIMIT_MS,
    });
    if (code !== 0) throw new SetupError(`Go could not build h2spec ${VERSION}:\n${excerpt(output)}`);
    await rename(work, DIRECTORY);
    return join(DIRECTORY, 'h2spec');
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
