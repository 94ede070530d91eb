import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const project = (path: string): URL => new URL(`../../../${path}`, import.meta.url);

t.test('the page of values is that of the chart', async (t) => {
  const { renderValues } = await import(project('scripts/values.mjs').href);
  const page = await readFile(fileURLToPath(project('docs/reference/values.md')), 'utf8');
  t.equal(page, await renderValues(), 'npm run values');
  // Each value that the templates read is one of the page.
  t.match(page, '`citadel.replicas`');
});
