import { inspect } from 'node:util';
import t from 'tap';
import { SharedBytes } from '../../../src/system/secret-memory/index.js';

const isZero = (bytes: Buffer) => bytes.every((octet) => octet === 0);

t.test('the last user wipes the bytes', async (t) => {
  const memory = Buffer.from('a key');
  const shared = new SharedBytes(memory);
  const { release } = shared.use();
  shared.release();
  t.equal(shared.bytes.toString(), 'a key', 'one user is left');
  release();
  t.ok(isZero(memory));
});

t.test('what is wiped cannot be read or used', async (t) => {
  const shared = new SharedBytes(Buffer.from('a key'));
  shared.release();
  t.throws(() => shared.bytes, { code: 'ERR_INTERNAL', message: /after they were wiped/ });
  t.throws(() => shared.use(), { code: 'ERR_INTERNAL' });
  shared.release();
  t.throws(() => shared.bytes, { code: 'ERR_INTERNAL' }, 'one release too many changes nothing');
});

t.test('the bytes show themselves to nobody', async (t) => {
  const shared = new SharedBytes(Buffer.from('a key'));
  t.equal(JSON.stringify({ shared }), '{"shared":"[redacted bytes]"}');
  t.equal(inspect(shared), '[redacted bytes]');
});
