// Writes docs/configuration.md, the table of docs/troubleshooting.md, docs/reference/annotations.md and docs/man from the schemas in src/config (built first by
// scripts/build.mjs).
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { buildForTests } from './build.mjs';

await buildForTests();
const { annotationsReference, configurationReference, manPages } = await import('../build/src/config/index.js');
const inDocs = (name) => fileURLToPath(new URL(`../docs/${name}`, import.meta.url));
await writeFile(inDocs('configuration.md'), configurationReference());
const { withTable } = await import('../build/src/symptoms/index.js');
const troubleshooting = inDocs('troubleshooting.md');
await writeFile(troubleshooting, withTable(await readFile(troubleshooting, 'utf8')));
await writeFile(inDocs('reference/annotations.md'), annotationsReference());
await rm(inDocs('man'), { recursive: true, force: true });
await mkdir(inDocs('man'), { recursive: true });
for (const [name, page] of manPages()) await writeFile(inDocs(`man/${name}.1`), page);
