// What does it cost to write secrets and responses and to read requests, and what would protobufjs take?

import assert from 'node:assert/strict';
import { decodeRequest } from '../src/agent/sds/request-codec.js';
import { REQUEST_FIELDS } from '../src/agent/sds/request-fields.js';
import { RequestReader } from '../src/agent/sds/request-reader.js';
import { encodeTail, NONCE_CHARS, ResponseEncoder } from '../src/agent/sds/response-encoder.js';
import { responseLayout } from '../src/agent/sds/response-layout.js';
import { SECRET_TYPE_URL } from '../src/agent/sds/type-url.js';
import { NodeFiller, RequestWriter } from '../src/fleet/xds/requests.js';
import { loadOperation } from '../src/hotpath/operation.js';
import { encodeCertificateSecret } from '../src/hotpath/secret-codec.js';
import { FRAME_PREFIX_BYTES, writeFramePrefix } from '../src/net/grpc/index.js';
import { envoy } from '../src/net/protobuf/index.js';
import { encodePem } from '../src/pki/x509/index.js';
import { ask, type Case, rate } from './harness.js';
import { only, sealRequest } from './material.js';

const { DiscoveryRequest, DiscoveryResponse } = envoy.service.discovery.v3;
const { Secret } = envoy.extensions.transport_sockets.tls.v3;

const request = sealRequest();
const { certificateBody } = only((await loadOperation('js', 'seal'))([request]));
const version = '0123456789abcdef';
const nonce = 'n'.repeat(NONCE_CHARS);

/** What Node.js hands over at a time, at most. */
const PART_BYTES = 16_384;

/** Two ways to the same: `prove` looks at the result of either. */
function pair<A, B>(group: string, ours: () => A, theirs: () => B, prove: (result: A | B) => void): Case[] {
  return [
    rate({ group, name: 'ours', run: ours, check: prove }),
    rate({ group, name: 'protobufjs', run: theirs, check: prove }),
  ];
}

const secretCases = pair(
  'secret',
  () => encodeCertificateSecret(request.chainPem, { label: 'PRIVATE KEY', der: request.privateKey }),
  () =>
    Secret.encode({
      tlsCertificate: {
        certificateChain: { inlineBytes: request.chainPem },
        privateKey: { inlineBytes: encodePem('PRIVATE KEY', request.privateKey) },
      },
    }).finish(),
  (bytes) => assert.deepEqual(Buffer.from(bytes), certificateBody),
);

/** Turns of the event loop end when we say so. */
let endTurn = (): void => {};
const encoder = new ResponseEncoder(responseLayout('sotw', 'bench'), (act) => {
  endTurn = act;
});
const secret = { version, body: certificateBody };
const content = { version, kind: 'certificate' } as const;
const sending = { secrets: [{ name: 'default', secret, content }], removed: [] };

function framedByUs(): Buffer[] {
  const response = encoder.encode(sending);
  const frame = [response.head, encodeTail(nonce)];
  response.release();
  return frame;
}

function framedByProtobufjs(): Buffer[] {
  const value = Buffer.concat([Secret.encode({ name: 'default' }).finish(), certificateBody]);
  const message = DiscoveryResponse.encode({
    versionInfo: version,
    resources: [{ type_url: SECRET_TYPE_URL, value }],
    typeUrl: SECRET_TYPE_URL,
    nonce,
    controlPlane: { identifier: 'bench' },
  }).finish();
  const frame = Buffer.allocUnsafe(FRAME_PREFIX_BYTES + message.length);
  writeFramePrefix(frame, message.length);
  frame.set(message, FRAME_PREFIX_BYTES);
  return [frame];
}

function proveFrame(parts: readonly Buffer[]): void {
  const response = DiscoveryResponse.decode(Buffer.concat(parts).subarray(FRAME_PREFIX_BYTES));
  assert.deepEqual([response.versionInfo, response.nonce], [version, nonce]);
  const secret = Secret.decode(response.resources[0]?.value ?? new Uint8Array());
  assert.equal(secret.name, 'default');
  assert.deepEqual(Buffer.from(secret.tlsCertificate?.certificateChain?.inlineBytes ?? []), request.chainPem);
}

const responseCases = [
  rate({
    group: 'response with it',
    name: 'ours, to the first stream',
    run: () => {
      endTurn();
      return framedByUs();
    },
    check: proveFrame,
  }),
  rate({ group: 'response with it', name: 'ours, to each further', run: framedByUs, check: proveFrame }),
  rate({ group: 'response with it', name: 'protobufjs', run: framedByProtobufjs, check: proveFrame }),
];

const ack = Buffer.from(
  DiscoveryRequest.encode({
    versionInfo: version,
    resourceNames: ['default'],
    typeUrl: SECRET_TYPE_URL,
    responseNonce: nonce,
  }).finish(),
);
const ackCases = [
  rate({
    group: 'ACK',
    name: 'ours',
    run: () => decodeRequest(ack, REQUEST_FIELDS.sotw),
    check: (read) => assert.deepEqual([read.names, read.nonce, read.version], [['default'], nonce, version]),
  }),
  rate({
    group: 'ACK',
    name: 'protobufjs',
    run: () => DiscoveryRequest.decode(ack),
    check: (read) => assert.deepEqual([read.resourceNames, read.responseNonce], [['default'], nonce]),
  }),
];

const first = Buffer.concat(new RequestWriter(false, 'default').first('bench', 55_000, new NodeFiller()));
const parts = Array.from({ length: Math.ceil(first.length / PART_BYTES) }, (_, index) =>
  first.subarray(index * PART_BYTES, (index + 1) * PART_BYTES),
);
const firstCases = [
  rate({
    group: 'first request of 55 kB',
    name: 'ours',
    run: () => {
      const reader = new RequestReader(REQUEST_FIELDS.sotw);
      return parts.map((part, index) => reader.read(part, index === parts.length - 1)).at(-1);
    },
    check: (read) => assert.deepEqual([read?.names, read?.nodeId], [['default'], 'bench']),
  }),
  rate({
    group: 'first request of 55 kB',
    name: 'protobufjs',
    run: () => DiscoveryRequest.decode(Buffer.concat(parts)),
    check: (read) => assert.deepEqual([read.resourceNames, read.node?.id], [['default'], 'bench']),
  }),
];

await ask({
  name: 'codec',
  question: 'What does it cost to write secrets and responses and to read requests, and what would protobufjs take?',
  note: `A secret of ${certificateBody.length} bytes. protobufjs with the messages of proto/, which have none of the fields that we do not use: it skips the rest, as we do. A response is written once for the first stream in a turn of the event loop; each further one adds its nonce. The first request comes in parts of 16 kB.`,
  workers: 0,
  cases: [...secretCases, ...responseCases, ...ackCases, ...firstCases],
  ratios: [
    { group: 'secret', of: 'ours', to: 'protobufjs' },
    { group: 'response with it', of: 'ours, to the first stream', to: 'protobufjs' },
    { group: 'response with it', of: 'ours, to each further', to: 'protobufjs' },
    { group: 'ACK', of: 'ours', to: 'protobufjs' },
    { group: 'first request of 55 kB', of: 'ours', to: 'protobufjs' },
  ],
});
