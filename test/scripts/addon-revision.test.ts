import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';

/** Scripts run before anything is built, so they are plain JavaScript beside the sources. */
const { addonRevision, stateOfAddon } = await import(
  new URL('../../../scripts/setup/addon-revision.mjs', import.meta.url).href
);

/** A project with one source of the addon; the test runs inside it. */
function project(t: Test): string {
  const directory = t.testdir({ 'binding.gyp': '{}', native: { 'addon.cc': 'int a;' } });
  const before = process.cwd();
  process.chdir(directory);
  t.teardown(() => process.chdir(before));
  return directory;
}

t.test('an addon is current until one of its sources changes, and no fuzz target is one', async (t) => {
  const directory = project(t);
  const file = join(directory, 'sidecert.node');
  t.equal(await stateOfAddon(file), 'missing');
  writeFileSync(file, `code, ${await addonRevision()}, more code`);
  t.equal(await stateOfAddon(file), 'current');
  mkdirSync('native/fuzz');
  writeFileSync('native/fuzz/csr.cc', 'int c;');
  t.equal(await stateOfAddon(file), 'current');
  writeFileSync('native/addon.cc', 'int b;');
  t.equal(await stateOfAddon(file), 'stale');
});
