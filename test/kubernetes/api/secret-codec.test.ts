import { randomBytes } from 'node:crypto';
import t from 'tap';
import { createSecret, readSecret } from '../../../src/kubernetes/api/index.js';
import { encodeSecret, takeSecretData } from '../../../src/kubernetes/api/secret-codec.js';
import { FakeApiServer, json } from '../../support/fake-api-server.js';

t.test('data is taken out of the text, wherever it stands, and of nothing else', (t) => {
  const fields = {
    kind: 'Secret',
    numbers: [1, -2.5e3, true, null, { data: { trap: 'AAAA' } }],
    metadata: { annotations: { 'last-applied': '{"data":{"key":"a\\"b"}}', 'br}ack]ets': '{[,:' } },
  };
  const data = { 'ca-key.pem': randomBytes(1000), 'cert-chain.pem': Buffer.alloc(0), other: randomBytes(1) };
  const encoded = Object.fromEntries(Object.entries(data).map(([name, octets]) => [name, octets.toString('base64')]));
  for (const order of [
    { ...fields, data: encoded },
    { data: encoded, ...fields },
  ]) {
    for (const indent of [0, 2]) {
      const body = Buffer.from(JSON.stringify(order, null, indent));
      const taken = takeSecretData(body);
      t.strictSame(Object.fromEntries(taken), data);
      const left = body.toString();
      t.notMatch(left, encoded['ca-key.pem']);
      t.match(JSON.parse(left), fields, 'and the rest is as it was');
    }
  }
  t.end();
});

t.test('a Secret without data has none', (t) => {
  for (const text of ['{}', '{"data":null}', '{"data":{}}', ' { "metadata" : {} } ']) {
    t.equal(takeSecretData(Buffer.from(text)).size, 0, text);
  }
  t.end();
});

const unfit = [
  '',
  '[]',
  '{',
  '{"data":{"a":1}}',
  '{"data":{"a":"%"}}',
  '{"data":{"a":"AAA"}}',
  '{"data":{"a":"AAAA"',
  '{"a"}',
  '{"a":',
];
for (const text of unfit) {
  t.test(`${JSON.stringify(text)} is no Secret`, (t) => {
    t.throws(() => takeSecretData(Buffer.from(text)), { code: 'ERR_KUBERNETES_RESPONSE_INVALID' });
    t.end();
  });
}

t.test('what is written is what JSON.stringify would write', (t) => {
  const data = new Map([
    ['a', randomBytes(1)],
    ['b', randomBytes(2)],
    ['c.pem', randomBytes(3)],
    ['empty', Buffer.alloc(0)],
  ]);
  const written = JSON.parse(encodeSecret({ type: 'ä"x' }, data).toString());
  t.strictSame(written, {
    type: 'ä"x',
    data: Object.fromEntries([...data].map(([name, octets]) => [name, octets.toString('base64')])),
  });
  t.strictSame(JSON.parse(encodeSecret({ a: 1 }, new Map()).toString()), { a: 1, data: {} });
  t.end();
});

t.test('a Secret is made and read through the API', async (t) => {
  const server = await FakeApiServer.start(t, ({ body }, response) => json(response, JSON.parse(body || kept)));
  const kept = JSON.stringify({ metadata: {}, data: { key: 'a2V5' } });
  const place = { namespace: 'istio-system', name: 'istio-ca-secret' };
  const client = server.client();
  await createSecret(client, place, { type: 'istio.io/ca-root', data: new Map([['key', Buffer.from('key')]]) });
  t.strictSame(JSON.parse(server.first.body), {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: place, type: 'istio.io/ca-root' },
    data: { key: 'a2V5' },
  });
  t.equal(server.first.url.pathname, '/api/v1/namespaces/istio-system/secrets');
  t.strictSame(await readSecret(client, place), new Map([['key', Buffer.from('key')]]));
});
