import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';

const { findPromtool, whyNoPromtool } = await import(
  new URL('../../../scripts/setup/promtool.mjs', import.meta.url).href
);
const { findChromium, whyNoChromium } = await import(
  new URL('../../../scripts/setup/chromium.mjs', import.meta.url).href
);

/** A folder with a program of this name. */
function folderWith(t: Test, ...path: string[]): string {
  const directory = t.testdir();
  const file = join(directory, ...path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, '#!/bin/sh\n', { mode: 0o755 });
  return directory;
}

t.test('a browser on the PATH is taken, by whichever name it is installed', async (t) => {
  for (const name of ['chromium', 'google-chrome', 'chromium-headless-shell']) {
    await t.test(name, async (t) => {
      const PATH = folderWith(t, name);
      t.equal(await findChromium({ PATH, XDG_CACHE_HOME: '/no/such' }), join(PATH, name));
    });
  }
});

const programs = [
  { name: 'chromium', find: findChromium, whyNot: whyNoChromium },
  { name: 'promtool', find: findPromtool, whyNot: whyNoPromtool },
] as const;
for (const { name, find, whyNot } of programs) {
  t.test(`the ${name} that was unpacked for this user comes first, and there may be none`, async (t) => {
    const XDG_CACHE_HOME = folderWith(t, 'sidecert', name, name);
    const PATH = '/no/such';
    t.equal(await find({ PATH, XDG_CACHE_HOME }), join(XDG_CACHE_HOME, 'sidecert', name, name));
    t.equal(await find({ PATH, XDG_CACHE_HOME: PATH }), undefined);
  });

  t.test(`where packages of Debian cannot be had, ${name} is told to be missing, and why`, async (t) => {
    t.match(await whyNot({ PATH: '/no/such' }), new RegExp(`there is no ${name} on the PATH, and no apt-get`, 'i'));
  });
}

t.test('who allows tests without a browser is not made to download one', async (t) => {
  t.match(await whyNoChromium({ ALLOW_NO_BROWSER: '1' }), 'ALLOW_NO_BROWSER=1');
});
