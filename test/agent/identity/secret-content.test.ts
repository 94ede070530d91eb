import t from 'tap';
import { SecretContent } from '../../../src/agent/identity/index.js';

t.test('content that is wiped cannot be read, so zeros are never served in its place', async (t) => {
  const body = Buffer.from('a secret');
  const content = new SecretContent('generic', body);
  t.equal(content.body, body);
  content.wipe();
  content.wipe();
  t.ok(body.every((octet) => octet === 0));
  t.throws(() => content.body, { code: 'ERR_INTERNAL' });
});
