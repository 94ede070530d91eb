import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';

/** build/test/ → the project. */
const read = (path: string): Promise<string> =>
  readFile(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

t.test('every dependency is pinned, and has its line with version and reason', async (t) => {
  const { dependencies, devDependencies } = JSON.parse(await read('package.json'));
  const wanted: Record<string, string> = { ...dependencies, ...devDependencies };
  for (const [name, version] of Object.entries(wanted)) t.match(version, /^\d+\.\d+\.\d+$/, name);
  const rows = [...(await read('docs/dependencies.md')).matchAll(/^\| `([^`]+)` \| (\S+) \| \S.*\|$/gm)];
  t.strictSame(Object.fromEntries(rows.map(([, name, version]) => [name, version])), wanted);
});

t.test('every package of the lock file is known by its content', async (t) => {
  const { packages } = JSON.parse(await read('package-lock.json'));
  const nameless = Object.entries<{ integrity?: string; inBundle?: boolean }>(packages)
    .filter(([path, { integrity, inBundle }]) => path !== '' && !inBundle && !integrity?.startsWith('sha512-'))
    .map(([path]) => path);
  t.strictSame(nameless, []);
});

t.test('no install script runs, and those that there are have been looked at', async (t) => {
  t.match(await read('.npmrc'), /^ignore-scripts=true$/m);
  const { packages } = JSON.parse(await read('package-lock.json'));
  const scripted = Object.entries<{ hasInstallScript?: boolean }>(packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([path]) => path.split('node_modules/').at(-1) ?? '');
  const [, looked = ''] = (await read('docs/dependencies.md')).split('No install script');
  for (const name of new Set(scripted)) t.match(looked, `\`${name}\``);
});
