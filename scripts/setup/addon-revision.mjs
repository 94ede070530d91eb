// Which sources the addons were built from: a hash of them, compiled into each (`revision` in native/start.cc) and written by
// scripts/build.mjs into the module that loads them. Addons and module are made by different commands, so one can be older.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashOf } from './stamp.mjs';

/** The addon of the program. */
export const SHIPPED_ADDON = 'sidecert.node';

/** The addon of tests and benches, which never ships. */
export const TEST_ADDON = 'sidecert-tests.node';

/** Of both addons, which one command builds. The fuzz targets in native/fuzz are no part of them. */
const SOURCE_FOLDERS = ['native', 'native/tests'];

/** What addons of the sources as they are now call themselves. */
export async function addonRevision() {
  const files = await Promise.all(SOURCE_FOLDERS.map(sourcesIn));
  const hash = await hashOf(['binding.gyp', ...files.flat()]);
  // Not hexadecimal alone: gyp takes what looks like a number for one. So long that no two revisions are ever the same.
  return `sha256-${hash.slice(0, 16)}`;
}

async function sourcesIn(folder) {
  const names = await readdir(folder);
  return names
    .filter((name) => /\.(cc|h)$/.test(name))
    .sort()
    .map((name) => `${folder}/${name}`);
}

/** Says of the two addons in `folder` without loading them: `missing` when one is, `current`, or `stale` when other sources made one. */
export async function stateOfAddons(folder) {
  const files = [SHIPPED_ADDON, TEST_ADDON].map((name) => readFile(join(folder, name)).catch(() => undefined));
  const contents = await Promise.all(files);
  if (contents.includes(undefined)) return 'missing';
  const revision = await addonRevision();
  return contents.every((content) => content.includes(revision)) ? 'current' : 'stale';
}
