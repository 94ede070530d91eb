import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ERROR_CODES, errorCodeOf, IdentityError, wrapError } from '../../src/errors/index.js';

t.test('every code has its line in docs/errors.md, and every line is a code', async (t) => {
  const docs = await readFile(fileURLToPath(new URL('../../../docs/errors.md', import.meta.url)), 'utf8');
  const documented = [...docs.matchAll(/^\| `(ERR_[A-Z_]+)`<a id="(ERR_[A-Z_]+)"><\/a> \|/gm)];
  t.strictSame(documented.map(([, code]) => code).sort(), [...ERROR_CODES].sort());
  for (const [, code, anchor] of documented) t.equal(anchor, code, 'log lines lead to it by this name');
});

t.test('anything that is not ours has the code ERR_INTERNAL', async (t) => {
  t.equal(errorCodeOf(new IdentityError('ERR_CANCELLED', 'x')), 'ERR_CANCELLED');
  t.equal(errorCodeOf(new Error('x')), 'ERR_INTERNAL');
  t.equal(errorCodeOf(undefined), 'ERR_INTERNAL');
});

t.test('wrapping adds the fact and keeps the cause, but never hides an error that is ours', async (t) => {
  const cause = new Error('no such file');
  const wrapped = wrapError('ERR_CA_ROOT_INVALID', 'root file x', cause);
  t.match(wrapped, { code: 'ERR_CA_ROOT_INVALID', message: 'root file x: no such file', cause });
  t.equal(wrapError('ERR_INTERNAL', 'again', wrapped), wrapped);
  t.match(wrapError('ERR_INTERNAL', 'odd', 'text'), { message: 'odd: text' });
});
