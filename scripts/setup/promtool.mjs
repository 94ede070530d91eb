import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackedProgram, unpackProgram, whyNoDebianPackages } from './debian-packages.mjs';
import { firstExecutable, placesOnPath } from './executables.mjs';

const NAME = 'promtool';

/** Where it lies: unpacked before, or on the PATH; `undefined` when it is nowhere. */
export function findPromtool(env = process.env) {
  return firstExecutable([unpackedProgram(NAME, env), ...placesOnPath([NAME], env)]);
}

/** Why it is not fetched here; `undefined` when it is. */
export async function whyNoPromtool(env = process.env) {
  const reason = await whyNoDebianPackages(env);
  return reason === undefined ? undefined : `there is no promtool on the PATH, and ${reason}`;
}

/**
 * Takes it from Debian's package of Prometheus, and resolves with its path. To build it takes Go some 500 modules and minutes.
 * @throws SetupError with what went wrong.
 */
export function getPromtool() {
  return unpackProgram({
    name: NAME,
    packageName: 'prometheus',
    // Those are for the pages of the server.
    withLibraries: false,
    arrange: async (folder) => {
      await rename(join(folder, 'root/usr/bin', NAME), join(folder, NAME));
      await rm(join(folder, 'root'), { recursive: true });
    },
  });
}
