import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackedProgram, unpackProgram, whyNoDebianPackages } from './debian-packages.mjs';
import { firstExecutable, placesOnPath } from './executables.mjs';

const NAME = 'postgres';

/** Debian has each version below a folder of its own, and none of it on the PATH. */
const INSTALLED = '/usr/lib/postgresql';

/** The server, beside which `initdb` lies: unpacked before, or installed; `undefined` when there is none. */
export async function findPostgres(env = process.env) {
  const versions = await readdir(INSTALLED).catch(() => []);
  const installed = versions.map((version) => join(INSTALLED, version, 'bin', NAME));
  return firstExecutable([unpackedProgram(NAME, env), ...installed, ...placesOnPath([NAME], env)]);
}

/** Why it is not fetched here; `undefined` when it is. */
export async function whyNoPostgres(env = process.env) {
  const reason = await whyNoDebianPackages(env);
  return reason === undefined ? undefined : `there is no PostgreSQL, and ${reason}`;
}

/**
 * Takes it from Debian's packages, and resolves with its path.
 * @throws SetupError with what went wrong.
 */
export function getPostgres() {
  return unpackProgram({ name: NAME, packageName: 'postgresql', withLibraries: true, arrange: writeLaunchers });
}

/** Start the programs with libraries from beside themselves. */
async function writeLaunchers(work) {
  for (const name of [NAME, 'initdb']) {
    const launcher = [
      '#!/bin/sh',
      'here=$(dirname "$(readlink -f "$0")")',
      'for directory in "$here"/root/usr/lib/*-linux-gnu* "$here"/root/lib/*-linux-gnu*; do',
      '  [ -d "$directory" ] && LD_LIBRARY_PATH="$directory:$LD_LIBRARY_PATH"',
      'done',
      'export LD_LIBRARY_PATH',
      `exec "$here"/root${INSTALLED}/*/bin/${name} "$@"`,
      '',
    ];
    await writeFile(join(work, name), launcher.join('\n'));
    await chmod(join(work, name), 0o755);
  }
}
