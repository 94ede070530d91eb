// Which sources an addon was built from: a hash of them, compiled into it (`revision` in native/addon.cc) and written by
// scripts/build.mjs into the module that loads it. The two are made by different commands, so one can be older.
import { readdir, readFile } from 'node:fs/promises';
import { hashOf } from './stamp.mjs';

/** What the addon of the sources as they are now calls itself. The fuzz targets in native/fuzz are no part of it. */
export async function addonRevision() {
  const files = (await readdir('native')).filter((name) => /\.(cc|h)$/.test(name)).sort();
  const hash = await hashOf(['binding.gyp', ...files.map((name) => `native/${name}`)]);
  // Not hexadecimal alone: gyp takes what looks like a number for one. So long that no two revisions are ever the same.
  return `sha256-${hash.slice(0, 16)}`;
}

/** Says of the addon in `file` without loading it: `missing`, `current`, or `stale` when other sources made it. */
export async function stateOfAddon(file) {
  const content = await readFile(file).catch(() => undefined);
  if (content === undefined) return 'missing';
  return content.includes(await addonRevision()) ? 'current' : 'stale';
}
