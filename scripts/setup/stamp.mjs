import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** One hash over the names and the content of `paths` (files, or folders with all below them); a missing one counts as empty. */
export async function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    for (const file of await filesOf(path)) {
      hash.update(`${file}\0`);
      hash.update(await readFile(file).catch(() => ''));
      hash.update('\0');
    }
  }
  return hash.digest('hex');
}

async function filesOf(path) {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return [path];
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** A stamp says for which inputs a result was made. It lies inside the result, so that both vanish together. */
export async function isStamped(path, value) {
  return (await readFile(path, 'utf8').catch(() => '')) === value;
}

export async function writeStamp(path, value) {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, value);
  await rename(temporary, path);
}
