import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory, pathError, syncDirectory, writeNew } from '../../system/small-files/index.js';
import { type AuthorityFiles, ISTIO_FILES, readAuthorityFiles, readIfThere, WRITTEN } from './authority-directory.js';

/** Hidden, so that readers of a CA directory pass over it. */
const STAGE = '.first-authority';

/** No process but Citadel has business beside the key. */
const DIRECTORY_MODE = 0o700;

/** Another process was first, or has tidied up after it. */
const LOST = ['ENOTEMPTY', 'EEXIST', 'ENOENT'];

/**
 * Writes the four files of a first authority to the disk. Makes the directory if it is missing. Of several processes
 * that do so at once one succeeds; for the others it is false.
 *
 * All four are first put into a hidden directory, which comes to its name whole or not at all. So whatever is cut off
 * can be completed by the next one, {@link completeFirstAuthority}, and no root is ever replaced by another one.
 * @throws IdentityError `ERR_SIGNER_INVALID`: the system's reason.
 */
export async function writeFirstAuthority(directory: string, files: AuthorityFiles): Promise<boolean> {
  return inDirectory(directory, async () => {
    await makeDirectory(directory, DIRECTORY_MODE);
    return (await isStaged(directory, files)) && (await isCompleted(directory, files));
  });
}

/**
 * Completes what a process before this one, or beside it, has begun; false when nothing was begun, or the directory has
 * the files of another authority.
 * @throws IdentityError `ERR_SIGNER_INVALID`: the system's reason.
 */
export async function completeFirstAuthority(directory: string): Promise<boolean> {
  // What is not whole is just being removed, since it has been completed. What cannot be read completes nothing.
  const staged = await readAuthorityFiles(join(directory, STAGE)).catch(() => undefined);
  if (staged?.kind !== 'whole') return false;
  const { files } = staged;
  try {
    return await inDirectory(directory, () => isCompleted(directory, files));
  } finally {
    files.caKey.fill(0);
  }
}

/** Removes what is left of first authorities beside a whole one. */
export async function forgetFirstAuthorities(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    // A directory that cannot be written keeps it, beside a key that is worth more.
    if (name.startsWith(STAGE)) await rm(join(directory, name), { recursive: true, force: true }).catch(() => {});
  }
}

async function isStaged(directory: string, files: AuthorityFiles): Promise<boolean> {
  const stage = join(directory, STAGE);
  const temporary = `${stage}.${randomUUID()}`;
  try {
    await mkdir(temporary, DIRECTORY_MODE);
    for (const { part, mode } of WRITTEN) await writeNew(join(temporary, ISTIO_FILES[part]), files[part], mode);
    await syncDirectory(temporary);
    // Fails where there is one with files in it. (rename(2), ENOTEMPTY)
    await rename(temporary, stage);
    await syncDirectory(directory);
    return true;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (LOST.includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** Writes what is missing, as other processes may do, too; false when something else is there. */
async function isCompleted(directory: string, files: AuthorityFiles): Promise<boolean> {
  const stage = join(directory, STAGE);
  try {
    for (const { part, mode } of WRITTEN) {
      const name = ISTIO_FILES[part];
      const there = await readIfThere(join(directory, name));
      if (there !== undefined && !there.equals(files[part])) return false;
      if (there !== undefined) continue;
      // Out of sight until it is whole.
      const temporary = join(stage, `${name}.${randomUUID()}`);
      await writeNew(temporary, files[part], mode);
      await rename(temporary, join(directory, name));
    }
    await syncDirectory(directory);
  } catch (error) {
    // Another one has completed it, and removed the stage.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return hasAll(directory, files);
  }
  await forgetFirstAuthorities(directory);
  return true;
}

async function hasAll(directory: string, files: AuthorityFiles): Promise<boolean> {
  for (const { part } of WRITTEN) {
    const there = await readIfThere(join(directory, ISTIO_FILES[part]));
    if (there === undefined || !there.equals(files[part])) return false;
  }
  return true;
}

async function inDirectory<T>(directory: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw pathError('ERR_SIGNER_INVALID', `CA directory ${directory}`, error, 'one that can be written');
  }
}
