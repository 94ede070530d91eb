import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Whether a path is a program that this user may run. */
export async function isExecutable(path) {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** The first of `paths` that is a program; `undefined` when none is. */
export async function firstExecutable(paths) {
  for (const path of paths) if (await isExecutable(path)) return path;
  return undefined;
}

/** Where programs of these names would lie on the PATH, in its order. */
export function placesOnPath(names, env) {
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.flatMap((folder) => names.map((name) => join(folder, name)));
}
