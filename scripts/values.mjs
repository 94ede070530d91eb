// `npm run values`: docs/reference/values.md, of the chart's schema and defaults. A test holds the two together.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const CHART = 'deploy/charts/sidecert';
const FILE = 'docs/reference/values.md';

const HEAD = `# Values of the chart

Written by \`npm run values\` from \`${CHART}/values.schema.json\` and \`values.yaml\`. helm refuses every value that is
not in this table.

| Value | Default | What it is |
|---|---|---|
`;

/** The page, as it should be. */
export async function renderValues() {
  const schema = JSON.parse(await readFile(`${CHART}/values.schema.json`, 'utf8'));
  const defaults = parse(await readFile(`${CHART}/values.yaml`, 'utf8'));
  return HEAD + rows(schema.properties, defaults, '').join('');
}

function rows(properties, defaults, prefix) {
  return Object.entries(properties).flatMap(([name, { properties: inner, description, enum: choices }]) => {
    const path = `${prefix}${name}`;
    if (inner !== undefined) return rows(inner, defaults?.[name], `${path}.`);
    const value = defaults?.[name];
    if (value === undefined) return [];
    const chosen = choices === undefined ? '' : ` (${choices.map((one) => `\`${one}\``).join(', ')})`;
    return [`| \`${path}\` | \`${JSON.stringify(value).replaceAll('|', '\\|')}\` | ${description}${chosen} |\n`];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(FILE, await renderValues());
