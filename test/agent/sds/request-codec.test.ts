import t from 'tap';
import { decodeRequest as decode } from '../../../src/agent/sds/request-codec.js';
import { REQUEST_FIELDS } from '../../../src/agent/sds/request-fields.js';
import { RequestReader } from '../../../src/agent/sds/request-reader.js';
import { envoy } from '../../../src/net/protobuf/index.js';
import { encodeDeltaRequest } from '../../support/delta-client.js';
import { seededRandom } from '../../support/prng.js';
import { encodeRequest } from '../../support/sds-client.js';

const { DiscoveryRequest } = envoy.service.discovery.v3;

const decodeRequest = (bytes: Buffer) => decode(bytes, REQUEST_FIELDS.sotw);

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
  t.match(request.error, /^x y+…$/);
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
      ...(below(4) ? [] : [Buffer.from('7b0a01611308ff01147c', 'hex'), Buffer.from('1801', 'hex')]),
    ].sort(() => random() - 0.5);
    const bytes = Buffer.concat(fields);
    const want = readByProtobufjs(bytes);
    t.match(decodeRequest(bytes), want, 'whole');
    const reader = new RequestReader(REQUEST_FIELDS.sotw);
    const pieceLength = 1 + below(700);
    let got: unknown;
    for (let at = 0; at < bytes.length; at += pieceLength) {
      got = reader.read(bytes.subarray(at, at + pieceLength), at + pieceLength >= bytes.length);
    }
    if (bytes.length > 0) t.match(got, want, `in pieces of ${pieceLength}`);
  }
});

t.test('a first request of 60 kB gives its names and the id of its node', async (t) => {
  const reader = new RequestReader(REQUEST_FIELDS.sotw);
  const first = Buffer.concat([nodeField('sidecar', 60_000), encodeRequest({ names: ['default'] })]);
  t.equal(reader.read(first.subarray(0, 16_000), false), undefined);
  t.match(reader.read(first.subarray(16_000), true), { nodeId: 'sidecar', names: ['default'] });
});

t.test('an ACK has its names, each once, and its nonce', async (t) => {
  const read = (names: readonly string[], nonce = 'nonce') => decodeRequest(encodeRequest({ names, nonce }));
  for (const names of [['A'], ['A', 'B', 'C'], ['B', 'A'], ['AA', 'B'], []]) t.same(read(names).names, names);
  t.same(read(['A', 'B', 'A']).names, ['A', 'B']);
  t.equal(read(['A'], 'noncf').nonce, 'noncf');
});

t.test('row 32: the wildcard names nothing', async (t) => {
  t.same(decodeRequest(encodeRequest({ names: ['*', 'A', '*'] })).names, ['A']);
});

t.test('rows 21, 35: a request for another type is told as such, however many names it has', async (t) => {
  const many = Array.from({ length: 5000 }, (_, index) => String(index));
  const typeUrl = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
  t.match(decodeRequest(encodeRequest({ names: many, typeUrl })), { names: [], foreignType: typeUrl });
  t.throws(() => decodeRequest(encodeRequest({ names: many })), { code: 'ERR_REQUEST_INVALID' });
  t.match(decodeRequest(encodeRequest({ typeUrl: '' })), { foreignType: '', hasType: false });
});

t.test('a delta request is read as protobufjs writes it, in whatever pieces it comes', async (t) => {
  const bytes = Buffer.concat([
    encodeDeltaRequest({ subscribe: ['A', 'B', 'A'], unsubscribe: ['C'], nonce: '7', error: 'no' }),
    encodeDeltaRequest({ initialVersions: { A: '1', B: '2' }, nodeId: 'sidecar' }),
  ]);
  const want = { names: ['A', 'B'], unsubscribed: ['C'], nonce: '7', error: 'no', nodeId: 'sidecar' };
  t.match(decode(bytes, REQUEST_FIELDS.delta), want);
  for (let cut = 1; cut < bytes.length; cut += 1) {
    const reader = new RequestReader(REQUEST_FIELDS.delta);
    reader.read(bytes.subarray(0, cut), false);
    t.match(reader.read(bytes.subarray(cut), true), want, `cut at ${cut}`);
  }
});

t.test('the node of a first delta request, which comes before all else, is thrown away as it comes', async (t) => {
  const reader = new RequestReader(REQUEST_FIELDS.delta);
  // As the first field of a delta request; that of a SotW request is the second.
  const node = nodeField('sidecar', 60_000);
  node[0] = 0x0a;
  const bytes = Buffer.concat([node, encodeDeltaRequest({ subscribe: ['default'] })]);
  reader.read(bytes.subarray(0, 16_000), false);
  t.match(reader.read(bytes.subarray(16_000), true), { nodeId: 'sidecar', names: ['default'] });
});

t.test('a node that never ends, and one that ends within the message, are told apart', async (t) => {
  const reader = new RequestReader(REQUEST_FIELDS.sotw);
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
      const reader = new RequestReader(REQUEST_FIELDS.sotw);
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
