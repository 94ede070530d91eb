import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';

const { cachesFor } = await import(new URL('../../../scripts/setup/caches.mjs', import.meta.url).href);

const OWN = {
  npm_config_cache: resolve('.cache/home/.npm'),
  XDG_CACHE_HOME: resolve('.cache/home/.cache'),
  GOPATH: resolve('.cache/home/go'),
  GOFLAGS: '-modcacherw',
};

t.test('a HOME that can be written to is left alone, and nothing stays in it', async (t) => {
  const HOME = t.testdir();
  t.strictSame(await cachesFor({ HOME }), { variables: {}, reasons: [] });
  t.strictSame(readdirSync(HOME), []);
});

const cases = [
  {
    name: 'in which nothing can be made',
    home: () => '/proc/1',
    says: /^\/proc\/1\/\.npm cannot be written to: E\w+: /,
  },
  { name: 'that is a file', home: (directory: string) => join(directory, 'file'), says: /ENOTDIR: not a directory/ },
];
for (const { name, home, says } of cases) {
  t.test(`for a HOME ${name} all caches are below the project, and the reason is told`, async (t) => {
    const { variables, reasons } = await cachesFor({ HOME: home(t.testdir({ file: '' })) });
    t.strictSame(variables, OWN);
    t.match(reasons[0], says);
    t.equal(reasons.length, 3);
  });
}

t.test('what leads elsewhere is followed', async (t) => {
  const directory = t.testdir();
  const { variables } = await cachesFor({ HOME: '/proc/1', XDG_CACHE_HOME: join(directory, 'not', 'there', 'yet') });
  t.strictSame(Object.keys(variables), ['npm_config_cache', 'GOPATH', 'GOFLAGS']);
  t.notOk(existsSync(join(directory, 'not')), 'it is made by those who use it');
});
