import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackedProgram, unpackProgram, whyNoDebianPackages } from './debian-packages.mjs';
import { firstExecutable, placesOnPath } from './executables.mjs';

const NAME = 'softhsm';
const UTILITY = 'softhsm2-util';

/** Its utility, which has the module in `lib` of the same prefix: unpacked before, or on the PATH; `undefined` when it is nowhere. */
export function findSofthsm(env = process.env) {
  return firstExecutable([unpackedProgram(NAME, env), ...placesOnPath([UTILITY], env)]);
}

/** Why it is not fetched here; `undefined` when it is. */
export async function whyNoSofthsm(env = process.env) {
  const reason = await whyNoDebianPackages(env);
  return reason === undefined ? undefined : `there is no ${UTILITY} on the PATH, and ${reason}`;
}

/**
 * Takes it from Debian, and resolves with the path of its utility.
 * @throws SetupError with what went wrong.
 */
export function getSofthsm() {
  return unpackProgram({
    name: NAME,
    packageName: 'softhsm2',
    withLibraries: true,
    arrange: (folder) => symlink(join('root/usr/bin', UTILITY), join(folder, NAME)),
  });
}
