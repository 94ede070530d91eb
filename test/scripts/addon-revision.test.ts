import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';

/** Scripts run before anything is built, so they are plain JavaScript beside the sources. */
const { addonRevision, SHIPPED_ADDON, stateOfAddons, TEST_ADDON } = await import(
  new URL('../../../scripts/setup/addon-revision.mjs', import.meta.url).href
);

/** A project with one source of each addon; the test runs inside it. */
function project(t: Test): void {
  const directory = t.testdir({
    'binding.gyp': '{}',
    native: { 'addon.cc': 'int a;', tests: { 'addon.cc': 'int a;' } },
    built: {},
  });
  const before = process.cwd();
  process.chdir(directory);
  t.teardown(() => process.chdir(before));
}

async function buildAddons(): Promise<void> {
  for (const name of [SHIPPED_ADDON, TEST_ADDON]) {
    writeFileSync(join('built', name), `code, ${await addonRevision()}, more code`);
  }
}

t.test('addons are current until one of their sources changes, and no fuzz target is one', async (t) => {
  project(t);
  t.equal(await stateOfAddons('built'), 'missing');
  await buildAddons();
  t.equal(await stateOfAddons('built'), 'current');
  mkdirSync('native/fuzz');
  writeFileSync('native/fuzz/csr.cc', 'int c;');
  t.equal(await stateOfAddons('built'), 'current');
  for (const source of ['native/addon.cc', 'native/tests/addon.cc']) {
    writeFileSync(source, 'int b;');
    t.equal(await stateOfAddons('built'), 'stale', source);
    await buildAddons();
    t.equal(await stateOfAddons('built'), 'current');
  }
});

for (const name of [SHIPPED_ADDON, TEST_ADDON]) {
  t.test(`${name} alone can be missing, or of other sources`, async (t) => {
    project(t);
    await buildAddons();
    writeFileSync(join('built', name), 'code, sha256-0, more code');
    t.equal(await stateOfAddons('built'), 'stale');
    rmSync(join('built', name));
    t.equal(await stateOfAddons('built'), 'missing');
  });
}
