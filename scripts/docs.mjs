// Writes docs/configuration.md and docs/reference/annotations.md from the schemas in src/config (built first by
// scripts/build.mjs).
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { buildForTests } from './build.mjs';

await buildForTests();
const { annotationsReference, configurationReference } = await import('../build/src/config/index.js');
const inDocs = (name) => fileURLToPath(new URL(`../docs/${name}`, import.meta.url));
await writeFile(inDocs('configuration.md'), configurationReference());
await writeFile(inDocs('reference/annotations.md'), annotationsReference());
