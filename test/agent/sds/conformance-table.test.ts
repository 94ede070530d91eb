import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

/** build/test/agent/sds/ → the project. */
const DOCS = fileURLToPath(new URL('../../../../docs', import.meta.url));

t.test('each test that the conformance table names has a story with the number of the row', async (t) => {
  const rows = [...readFileSync(join(DOCS, 'sds.md'), 'utf8').matchAll(/^\| (\d+) \| .* \| (.*) \|$/gm)];
  t.same(
    rows.map(([, row]) => Number(row)),
    Array.from({ length: 80 }, (_, index) => index + 1),
  );
  for (const [, row = '', links = ''] of rows) {
    for (const [, file = ''] of links.matchAll(/\]\(([^)]+)\)/g)) {
      t.match(
        readFileSync(join(DOCS, file), 'utf8'),
        // In a story's name, or beside its case in a table.
        new RegExp(`rows? ([0-9, ]*, )?${row}(, \\d+)*:|\\brow: ${row},`),
        `${row}: ${file}`,
      );
    }
  }
});
