import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';

const run = promisify(execFile);

/** build/test/scripts/ → the project. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

t.test('the package of npm runs without any other, and says what is in it and where it comes from', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sidecert-package-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  // What set-up has built is packed as it is.
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', directory];
  const [{ filename, files }] = JSON.parse((await run('npm', args, { cwd: ROOT })).stdout);
  const paths = files.map(({ path }: { path: string }) => path);
  for (const path of ['LICENSE', 'README.md', 'SECURITY.md', 'dist/sidecert.js', 'dist/sbom.cdx.json']) {
    t.ok(paths.includes(path), path);
  }
  const foreign = paths.filter((path: string) => /^(src|test|native|node_modules|\.)/.test(path));
  t.strictSame(foreign, [], 'no source, test or hidden file');
  await run('tar', ['-xzf', join(directory, filename), '-C', directory]);
  const inside = (name: string): string => join(directory, 'package', name);
  const { name, version, bin } = JSON.parse(readFileSync(inside('package.json'), 'utf8'));
  t.strictSame(bin, { sidecert: 'dist/sidecert.js' });
  const { stdout } = await run(process.execPath, [inside('dist/sidecert.js'), 'version'], { cwd: directory });
  t.match(stdout, `${name} ${version} (node ${process.versions.node}`);

  const bill = JSON.parse(readFileSync(inside('dist/sbom.cdx.json'), 'utf8'));
  t.match(bill, { bomFormat: 'CycloneDX', specVersion: '1.6', metadata: { component: { name, version } } });
  const libraries = bill.components.filter(({ type }: { type: string }) => type === 'library');
  for (const { purl, hashes, licenses } of libraries) {
    t.match(purl, /^pkg:npm\/[^@]+@\d+\.\d+\.\d+$/);
    t.match(hashes, [{ alg: 'SHA-512', content: /^[0-9a-f]{128}$/ }], purl);
    t.match(licenses, [{ expression: /./ }], purl);
  }
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const bundled = libraries.map(
    (one: { group?: string; name: string }) => (one.group ? `${one.group}/` : '') + one.name,
  );
  for (const wanted of Object.keys(dependencies)) t.ok(bundled.includes(wanted), `${wanted} is in the bill`);

  const { subject } = JSON.parse(readFileSync(inside('dist/provenance.json'), 'utf8'));
  for (const { name: file, digest } of subject) {
    const { stdout: sum } = await run('sha256sum', [inside(`dist/${file}`)]);
    t.equal(sum.split(' ')[0], digest.sha256, file);
  }
});
