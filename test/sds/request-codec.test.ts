import t from 'tap';
import { envoy } from '../../src/rpc/index.js';
import { decodeRequest } from '../../src/sds/request-codec.js';
import { RequestReader } from '../../src/sds/request-reader.js';
import { seededRandom } from '../support/prng.js';
import { encodeRequest } from '../support/sds-client.js';

const { DiscoveryRequest } = envoy.service.discovery.v3;

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

/** What protobufjs reads of a request, in our words; of texts that we cut or clean only such are made here. */
function readByProtobufjs(bytes: Buffer) {
  const { resourceNames, responseNonce, errorDetail, node, versionInfo } = DiscoveryRequest.decode(bytes);
  return {
    names: [...new Set(resourceNames)],
    nonce: responseNonce,
    error: errorDetail?.message ?? undefined,
    nodeId: node?.id ?? '',
    version: versionInfo,
  };
}

/** A node as Envoy's, with its list of extensions: `size` bytes that no one reads. */
function nodeField(id: string, size: number): Buffer {
  const text = Buffer.from(id);
  const idField = Buffer.concat([Buffer.from([0x0a, text.length]), text]);
  const head = Buffer.from([0x4a, ...varint(size)]);
  const node = Buffer.concat([idField, head, Buffer.alloc(size, 0x0a)]);
  return Buffer.concat([Buffer.from([0x12, ...varint(node.length)]), node]);
}

const varint = (value: number): number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 128))];

t.test('random requests are read as protobufjs reads them, in whatever pieces they come', async (t) => {
  const random = seededRandom(1);
  const below = (limit: number): number => Math.floor(random() * limit);
  const text = (): string => ['', 'a', 'default', 'é🚀', 'x'.repeat(below(200))][below(5)] ?? '';
  for (let round = 0; round < 500; round += 1) {
    const fields = [
      ...Array.from({ length: below(4) }, () =>
        Buffer.from(DiscoveryRequest.encode({ resourceNames: [text()] }).finish()),
      ),
      Buffer.from(DiscoveryRequest.encode({ versionInfo: text(), responseNonce: text() }).finish()),
      ...(below(2) ? [nodeField(text().slice(0, 30), below(3000))] : []),
      ...(below(3) ? [] : [Buffer.from(DiscoveryRequest.encode({ errorDetail: { message: text() } }).finish())]),
      // Unknown fields of each kind.
      ...(below(4) ? [] : [Buffer.from('7a0161', 'hex'), Buffer.from('7801', 'hex'), Buffer.from('7d01020304', 'hex')]),
    ].sort(() => random() - 0.5);
    const bytes = Buffer.concat(fields);
    const want = readByProtobufjs(bytes);
    t.match(decodeRequest(bytes), want, 'whole');
    const reader = new RequestReader();
    const pieceLength = 1 + below(700);
    let got: unknown;
    for (let at = 0; at < bytes.length; at += pieceLength) {
      got = reader.read(bytes.subarray(at, at + pieceLength), at + pieceLength >= bytes.length);
    }
    if (bytes.length > 0) t.match(got, want, `in pieces of ${pieceLength}`);
  }
});

t.test('requests that follow one another on a stream are read each for itself', async (t) => {
  const reader = new RequestReader();
  const first = Buffer.concat([nodeField('sidecar', 60_000), encodeRequest({ names: ['default'] })]);
  t.equal(reader.read(first.subarray(0, 16_000), false), undefined);
  t.match(reader.read(first.subarray(16_000), true), { nodeId: 'sidecar', names: ['default'] });
  t.match(reader.read(encodeRequest({ names: ['ROOTCA'], nonce: '1' }), true), { nodeId: '', names: ['ROOTCA'] });
});

t.test('a node that never ends, and one that ends within the message, are told apart', async (t) => {
  const reader = new RequestReader();
  const node = nodeField('sidecar', 60_000);
  reader.read(node.subarray(0, 1000), false);
  t.throws(() => reader.read(node.subarray(1000, 30_000), true), { code: 'ERR_REQUEST_INVALID' });
});

t.test('mutated requests are read or refused, never anything else', async (t) => {
  const random = seededRandom(2);
  const good = Buffer.concat([nodeField('n', 600), encodeRequest({ names: ['A', 'B'], nonce: '1', error: 'no' })]);
  let refused = 0;
  for (let round = 0; round < 3000; round += 1) {
    const bytes = Buffer.from(good.subarray(0, 1 + Math.floor(random() * good.length)));
    for (let change = 0; change < 3; change += 1) {
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    }
    const outcomes = [1, 2].map((pieces) => {
      const reader = new RequestReader();
      const half = Math.ceil(bytes.length / pieces);
      try {
        if (pieces === 2) reader.read(bytes.subarray(0, half), false);
        return reader.read(pieces === 2 ? bytes.subarray(half) : bytes, true) && 'read';
      } catch (error) {
        return Object(error).code;
      }
    });
    for (const outcome of outcomes) t.match(outcome, /^(read|ERR_REQUEST_INVALID)$/);
    if (outcomes[0] !== 'read') refused += 1;
  }
  t.ok(refused > 100 && refused < 3000, `${refused} refused`);
});
