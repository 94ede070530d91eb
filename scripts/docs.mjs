// Writes docs/configuration.md, the table of docs/troubleshooting.md and docs/reference/annotations.md from the schemas in src/config (built first by
// scripts/build.mjs).
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { buildForTests } from './build.mjs';

await buildForTests();
const { annotationsReference, configurationReference } = await import('../build/src/config/index.js');
const inDocs = (name) => fileURLToPath(new URL(`../docs/${name}`, import.meta.url));
await writeFile(inDocs('configuration.md'), configurationReference());
const { withTable } = await import('../build/src/symptoms/index.js');
const troubleshooting = inDocs('troubleshooting.md');
await writeFile(troubleshooting, withTable(await readFile(troubleshooting, 'utf8')));
await writeFile(inDocs('reference/annotations.md'), annotationsReference());
