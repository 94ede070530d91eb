// Writes docs/configuration.md from the schemas in src/config (built first by scripts/build.mjs).
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { buildForTests } from './build.mjs';

await buildForTests();
const { configurationReference } = await import('../build/src/config/index.js');
await writeFile(fileURLToPath(new URL('../docs/configuration.md', import.meta.url)), configurationReference());
