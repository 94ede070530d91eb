// Generates src/rpc/gen/ from proto/. With --check it writes nothing and fails when the committed files differ.
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const FILES = ['messages.js', 'messages.d.ts'];
const COMMITTED = 'src/rpc/gen';

async function generate(directory) {
  const protos = (await readdir('proto', { recursive: true })).filter((name) => name.endsWith('.proto')).sort();
  const bin = (name) => join('node_modules', '.bin', name);
  const [js, dts] = FILES.map((name) => join(directory, name));
  execFileSync(bin('pbjs'), [
    ...['--target', 'static-module', '--wrap', 'es6', '--path', 'proto', '--out', js],
    // Only encode and decode: no verify, no JSON conversion, no delimited forms. They would double the bundle.
    ...['--no-verify', '--no-convert', '--no-delimited', '--no-service', '--force-number', '--no-comments'],
    ...protos,
  ]);
  // The types come from the same definitions with comments, which pbts reads its types from.
  const commented = join(directory, 'commented.js');
  execFileSync(bin('pbjs'), [
    ...['--target', 'static-module', '--wrap', 'es6', '--path', 'proto', '--out', commented],
    ...['--no-verify', '--no-convert', '--no-delimited', '--no-service', '--force-number'],
    ...protos,
  ]);
  execFileSync(bin('pbts'), ['--out', dts, commented]);
  await rm(commented);
}

const temporary = await mkdtemp(join(tmpdir(), 'sidecert-proto-'));
try {
  await generate(temporary);
  const stale = [];
  for (const name of FILES) {
    const made = await readFile(join(temporary, name), 'utf8');
    const committed = await readFile(join(COMMITTED, name), 'utf8').catch(() => '');
    if (made === committed) continue;
    stale.push(name);
    if (!process.argv.includes('--check')) await writeFile(join(COMMITTED, name), made);
  }
  if (process.argv.includes('--check') && stale.length > 0) {
    console.error(`generated code differs from proto/: ${stale.join(', ')}; run "npm run proto" and commit the result`);
    process.exitCode = 1;
  }
} finally {
  await rm(temporary, { recursive: true, force: true });
}
