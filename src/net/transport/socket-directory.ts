import { realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** What of a directory says who may replace the files in it. */
export interface DirectoryFacts {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
}

const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;

/**
 * Says who else may replace a file of ours in the first of these directories, the others being those above it; or
 * nothing. A user that may write to a directory may rename what is in it, unless it is sticky: then only the owner of
 * each file may, and that of the directory (unlink(2), EPERM). The same goes for each directory in that above it. Root
 * may in any case.
 */
export function foreignWriter(directories: readonly DirectoryFacts[], ownUid: number): string | undefined {
  for (const { path, mode, uid } of directories) {
    if (uid !== ownUid && uid !== 0) return `${path} belongs to user ${uid}`;
    if ((mode & STICKY) !== 0) continue;
    if ((mode & OTHERS_WRITE) !== 0) return `${path} is writable for all users`;
    if ((mode & GROUP_WRITES) !== 0) return `${path} is writable for its group`;
  }
  return undefined;
}

/** The facts of a directory and of all above it, along its links, too. @throws what `stat` does. */
export async function directoriesUpwards(directory: string): Promise<DirectoryFacts[]> {
  const paths = new Set([...upwards(await realpath(directory)), ...upwards(resolve(directory))]);
  return Promise.all(
    [...paths].map(async (path) => {
      const { mode, uid } = await stat(path);
      return { path, mode, uid };
    }),
  );
}

function upwards(path: string): string[] {
  const above = dirname(path);
  return above === path ? [path] : [path, ...upwards(above)];
}
