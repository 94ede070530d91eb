import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ERROR_CODES } from '../src/errors/index.js';
import { SYMPTOMS, symptomOfCode, withTable } from '../src/symptoms/index.js';

const PAGE = fileURLToPath(new URL('../../docs/troubleshooting.md', import.meta.url));

t.test('docs/troubleshooting.md is what npm run docs makes of the table', (t) => {
  const page = readFileSync(PAGE, 'utf8');
  t.equal(withTable(page), page);
  for (const id of Object.keys(SYMPTOMS)) t.ok(page.includes(`\n### ${id}\n`), id);
  t.end();
});

t.test('each failure of the CA and of a token has a symptom of its own', (t) => {
  const without = ERROR_CODES.filter(
    (code) => /^ERR_(?:CA|TOKEN|SVID)_/.test(code) && symptomOfCode(code) === undefined,
  );
  t.strictSame(without, ['ERR_TOKEN_REFUSED', 'ERR_SVID_NOT_READY']);
  t.equal(symptomOfCode('toString'), undefined);
  t.end();
});
