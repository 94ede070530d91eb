import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory } from './sync-directory.js';

/**
 * Makes a directory and those above it where they are missing; one that is there is left as it is. What is made
 * outlasts a power cut, as far as its parent may be read. That of Node.js (`recursive`) tries without end where the
 * system knows of no new directories, as in /proc.
 * @throws what `mkdir` does: a file is in the way, for one.
 */
export async function makeDirectory(path: string, mode: number): Promise<void> {
  await makeWithParents(path, mode, true);
}

async function makeWithParents(path: string, mode: number, triesAgain: boolean): Promise<void> {
  try {
    await mkdir(path, { mode });
    await syncParent(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await isDirectory(path))) return;
    const above = dirname(path);
    // Once more: another process may have made the one above meanwhile. Below /proc there is none however often.
    if (code !== 'ENOENT' || above === path || !triesAgain) throw error;
    await makeWithParents(above, mode, true);
    await makeWithParents(path, mode, false);
  }
}

/** What a directory lists is synced through it alone, and one may be written that must not be read. */
async function syncParent(path: string): Promise<void> {
  try {
    await syncDirectory(dirname(path));
  } catch (error) {
    if (!UNREADABLE.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** Of the latter, file systems say the one or the other that know of no sync for directories. */
const UNREADABLE = ['EACCES', 'EPERM', 'EINVAL', 'ENOTSUP'];

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (state) => state.isDirectory(),
    () => false,
  );
}
