import t from 'tap';
import { decodeRequest, ResponseEncoder, SECRET_TYPE_URL } from '../../src/sds/discovery-codec.js';
import { textSecret } from '../support/fake-secret-source.js';
import { decodeResponse, encodeRequest } from '../support/sds-client.js';

t.test('a response reads back as what went in, whatever the lengths of its parts', async (t) => {
  const encoder = new ResponseEncoder('agent');
  for (const length of [0, 1, 100, 127, 128, 2_000, 16_383, 16_384, 70_000]) {
    const secrets = ['default', 'n'.repeat(length + 1)].map((name) => ({
      name,
      secret: textSecret('x'.repeat(length)),
    }));
    const response = decodeResponse(encoder.encode(secrets, 'nonce'));
    t.same(response.names, ['default', 'n'.repeat(length + 1)]);
    t.match(response, { typeUrl: SECRET_TYPE_URL, nonce: 'nonce', controlPlane: 'agent' });
    for (const { validationContext } of response.secrets) {
      t.equal(validationContext?.trustedCa?.inlineBytes?.length, length);
    }
  }
});

t.test('one secret under two names is two resources', async (t) => {
  const secret = textSecret('leaf');
  const encoder = new ResponseEncoder('agent');
  const names = ['default', 'spiffe://cluster.local/ns/foo/sa/sleep'];
  const both = encoder.encode(
    names.map((name) => ({ name, secret })),
    '1',
  );
  t.same(decodeResponse(both).names, names);
  t.same(decodeResponse(encoder.encode([{ name: 'default', secret }], '2')).names, ['default']);
});

t.test('the version of one secret is its own, that of several depends on all of them and on no order', async (t) => {
  const encoder = new ResponseEncoder('agent');
  const version = (...names: readonly string[]) =>
    decodeResponse(
      encoder.encode(
        names.map((name) => ({ name, secret: textSecret(name[0] ?? '') })),
        '1',
      ),
    ).version;
  t.equal(version('a'), textSecret('a').version);
  t.equal(version('a', 'b'), version('b', 'a'));
  t.equal(new Set([version('a'), version('a', 'b'), version('a1', 'b'), version('a', 'b', 'c')]).size, 4);
});

t.test('an empty response cannot be made', async (t) => {
  t.throws(() => new ResponseEncoder('agent').encode([], '1'), { code: 'ERR_INTERNAL' });
});

t.test('a response does not lie in the shared pool, and the body is not kept', async (t) => {
  const secret = textSecret('leaf');
  const encoder = new ResponseEncoder('agent');
  const message = encoder.encode([{ name: 'default', secret }], '1');
  t.equal(message.buffer.byteLength, message.length);
  secret.body.fill(0);
  t.notOk(encoder.encode([{ name: 'default', secret }], '2').includes('leaf'));
});

t.test('a request is read, with texts cut and on one line', async (t) => {
  const bytes = encodeRequest({
    names: ['A', 'B', 'A'],
    nonce: '1',
    version: 'v',
    nodeId: 'a\r\nb',
    error: `x\n${'y'.repeat(1e6)}`,
  });
  const request = decodeRequest(bytes);
  t.match(request, { names: ['A', 'B'], nonce: '1', version: 'v', nodeId: 'a b' });
  t.equal(request.error?.length, 300);
  t.match(request.error, /^x y+$/);
});

t.test('an absent error is told from an empty one', async (t) => {
  t.equal(decodeRequest(encodeRequest({})).error, undefined);
  t.equal(decodeRequest(encodeRequest({ error: '' })).error, '');
});

t.test('what is no request is refused', async (t) => {
  const cases = [
    { name: 'truncated field', bytes: Buffer.from('1a05616263', 'hex') },
    { name: 'field number 0', bytes: Buffer.from('00', 'hex') },
    { name: 'text that is not UTF-8', bytes: Buffer.from('1a02c328', 'hex') },
    { name: 'endless varint', bytes: Buffer.alloc(40, 0xff) },
  ];
  for (const { name, bytes } of cases) t.throws(() => decodeRequest(bytes), { code: 'ERR_REQUEST_INVALID' }, name);
  t.equal(decodeRequest(Buffer.alloc(0)).names.length, 0, 'an empty message is an empty request');
});
