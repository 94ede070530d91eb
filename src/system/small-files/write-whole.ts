import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';

/** Writes beside the target, to the disk, then renames: a reader of `path` sees the old state or the new one. */
export async function writeWhole(path: string, content: Buffer, mode: number): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  await writeNew(temporary, content, mode);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Writes to the disk a file that must not be there yet; what cannot be written whole is removed. */
export async function writeNew(path: string, content: Buffer, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
