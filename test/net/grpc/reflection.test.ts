import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';
import t, { type Test } from 'tap';
import { createSdsServer } from '../../../src/agent/sds/index.js';
import { type MessageSchema, SECRET } from '../../../src/agent/sds/rest/secret-schema.js';
import type { RpcChannel } from '../../../src/net/grpc/client/channel.js';
import { addHealthMethods, addReflectionMethods, status } from '../../../src/net/grpc/index.js';
import { fileDescriptors } from '../../../src/net/grpc/reflection/gen/descriptors.js';
import type { Reflection } from '../../../src/net/grpc/reflection/reflection-methods.js';
import { Flag, Frame } from '../../../src/net/http2/index.js';
import { silentLogger } from '../../../src/telemetry/index.js';
import { FakeSecretSource } from '../../support/fake-secret-source.js';
import { serveFramed } from '../../support/framed-endpoint.js';
import { officialProtos } from '../../support/official-protos.js';
import { callHeaders, data, grpcMessage, opening, windowUpdate } from '../../support/raw-frames.js';
import { RawPeer } from '../../support/raw-peer.js';

const INFO = { v1: path('v1'), v1alpha: path('v1alpha') };

// Nothing of ours is on the client's side: neither its messages nor its channel.
const official = officialProtos('grpc/reflection/v1/reflection.proto');
const Question = official.lookupType('grpc.reflection.v1.ServerReflectionRequest');
const Answer = official.lookupType('grpc.reflection.v1.ServerReflectionResponse');

interface Answered {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Uint8Array[] };
  readonly errorResponse?: { readonly errorCode: status; readonly errorMessage: string };
}

function path(version: string): string {
  return `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
}

function question(fields: object): Buffer {
  return Buffer.from(Question.encode(Question.create(fields)).finish());
}

/** A server with all that the agent's socket serves, and a clock that the test moves. */
async function serve(t: Test) {
  const clock = { nowMs: 0 };
  const source = new FakeSecretSource();
  const held: { reflection?: Reflection } = {};
  const served = await serveFramed(t, {
    methods(server) {
      createSdsServer({ server, source, logger: silentLogger, controlPlaneIdentifier: 'test', now: Date.now });
      addHealthMethods(server, () => true);
      held.reflection = addReflectionMethods(server, { now: () => clock.nowMs });
    },
  });
  return {
    ...served,
    socket: served.path,
    channel: served.open(),
    another: () => served.open(),
    clock,
    reflection: held.reflection,
  };
}

/** A stream of questions. */
function open(channel: RpcChannel, method = INFO.v1) {
  const stream = channel.bidi(method);
  stream.on('error', () => {});
  const ended = new Promise<{ code: status; details: string }>((resolve) => stream.once('status', resolve));
  const answers: Answered[] = [];
  let wake = (): void => {};
  stream.on('data', (bytes: Buffer) => {
    answers.push(Answer.toObject(Answer.decode(bytes)));
    wake();
  });
  return {
    stream,
    ended,
    answers,
    ask: (fields: object) => void stream.write(question(fields)),
    /** The next answer. */
    async answer(fields: object): Promise<Answered> {
      const index = answers.length;
      stream.write(question(fields));
      for (;;) {
        const answer = answers[index];
        if (answer !== undefined) return answer;
        await Promise.race([new Promise<void>((resolve) => (wake = resolve)), ended.then(failed)]);
      }
    },
  };
}

function failed({ code, details }: { code: status; details: string }): never {
  throw new Error(`the stream ended with ${status[code]}: ${details}`);
}

for (const [version, method] of Object.entries(INFO)) {
  t.test(`by ${version} every method that is served is described, as it is called, and no other`, async (t) => {
    const { server, channel } = await serve(t);
    const { answer, stream } = open(channel, method);
    const services = (await answer({ listServices: '*' })).listServicesResponse?.service.map(({ name }) => name) ?? [];
    const files = new Map<string, Uint8Array>();
    for (const service of services) {
      const { fileDescriptorResponse } = await answer({ fileContainingSymbol: service });
      for (const bytes of fileDescriptorResponse?.fileDescriptorProto ?? []) {
        files.set(String(descriptor.FileDescriptorProto.decode(bytes).toJSON().name), bytes);
      }
    }
    stream.cancel();
    const file = [...files.values()].map((bytes) => descriptor.FileDescriptorProto.decode(bytes));
    const set = descriptor.FileDescriptorSet.encode(descriptor.FileDescriptorSet.create({ file })).finish();
    const root = protobuf.Root.fromDescriptor(set);
    const methods = services.flatMap((service) =>
      root.lookupService(service).methodsArray.map(({ name }) => `/${service}/${name}`),
    );
    t.same(new Set(methods), new Set(server.methodPaths));
    const { StreamSecrets, FetchSecrets } = root.lookupService(
      'envoy.service.secret.v3.SecretDiscoveryService',
    ).methods;
    t.match(StreamSecrets, { requestStream: true, responseStream: true });
    t.notOk(FetchSecrets?.requestStream);
  });
}

const IMPORTS_OF_SECRET = [
  'envoy/config/core/v3/base.proto',
  'envoy/config/core/v3/extension.proto',
  'envoy/extensions/transport_sockets/tls/v3/common.proto',
  'envoy/type/matcher/v3/regex.proto',
  'envoy/type/matcher/v3/string.proto',
  'google/protobuf/any.proto',
  'google/protobuf/wrappers.proto',
];

t.test('all of a secret that is ever served is described', async (t) => {
  const file = fileDescriptors.map((text) => descriptor.FileDescriptorProto.decode(Buffer.from(text, 'base64')));
  const set = descriptor.FileDescriptorSet.encode(descriptor.FileDescriptorSet.create({ file })).finish();
  const root = protobuf.Root.fromDescriptor(set);
  const isDescribed = ({ fields }: MessageSchema, type: protobuf.Type): void => {
    for (const [number, { json, type: held }] of Object.entries(fields)) {
      const field = type.fieldsById[Number(number)]?.resolve();
      t.equal(field?.name, json, `${type.name}.${json}`);
      if (typeof held === 'object' && 'fields' in held) isDescribed(held, field?.resolvedType as protobuf.Type);
    }
  };
  isDescribed(SECRET, root.lookupType('envoy.extensions.transport_sockets.tls.v3.Secret'));
});

t.test(
  'a type that an answer may hold is described with all that it imports, by its name and by its file',
  async (t) => {
    const { channel } = await serve(t);
    const { answer, stream } = open(channel);
    const bySymbol = await answer({ fileContainingSymbol: 'envoy.extensions.transport_sockets.tls.v3.Secret' });
    const names = (bySymbol.fileDescriptorResponse?.fileDescriptorProto ?? []).map(
      (bytes) => descriptor.FileDescriptorProto.decode(bytes).toJSON().name,
    );
    t.equal(names[0], 'envoy/extensions/transport_sockets/tls/v3/secret.proto');
    t.same(new Set(names.slice(1)), new Set(IMPORTS_OF_SECRET));
    t.same(await answer({ fileByFilename: names[0] }).then(({ fileDescriptorResponse }) => fileDescriptorResponse), {
      ...bySymbol.fileDescriptorResponse,
    });
    stream.cancel();
  },
);

const unknown = [
  { name: 'a symbol', fields: { fileContainingSymbol: 'no.Such' } },
  { name: 'a symbol that each object has', fields: { fileContainingSymbol: 'constructor' } },
  { name: 'a file that each object has', fields: { fileByFilename: '__proto__' } },
  { name: 'extensions of what each object has', fields: { allExtensionNumbersOfType: 'toString' } },
  { name: 'an extension', fields: { fileContainingExtension: { containingType: 'a.B', extensionNumber: 1 } } },
  { name: 'a service of Citadel', fields: { fileContainingSymbol: 'istio.v1.auth.IstioCertificateService' } },
];
for (const { name, fields } of unknown) {
  t.test(`${name} that is not described is NOT_FOUND, and the stream goes on`, async (t) => {
    const { channel } = await serve(t);
    const { answer, stream } = open(channel);
    t.equal((await answer(fields)).errorResponse?.errorCode, status.NOT_FOUND);
    t.equal((await answer({ listServices: '' })).listServicesResponse?.service.length, 5);
    stream.cancel();
  });
}

t.test('a client that half-closes gets all answers, then OK', async (t) => {
  const { channel } = await serve(t);
  const { stream, ask, answers, ended } = open(channel);
  for (let count = 0; count < 10; count += 1) ask({ listServices: '*' });
  stream.end();
  t.equal((await ended).code, status.OK);
  t.equal(answers.length, 10);
  const silent = open(channel);
  silent.stream.end();
  t.equal((await silent.ended).code, status.OK, 'also one that has asked nothing');
});

t.test('garbage is INVALID_ARGUMENT, a request longer than any name RESOURCE_EXHAUSTED', async (t) => {
  const { channel } = await serve(t);
  const garbage = open(channel);
  garbage.stream.write(Buffer.from('ff', 'hex'));
  t.match(await garbage.ended, { code: status.INVALID_ARGUMENT });
  const long = open(channel);
  long.ask({ fileContainingSymbol: 'x'.repeat(1024) });
  t.match(await long.ended, { code: status.RESOURCE_EXHAUSTED });
});

/** A peer whose windows are shut: it reads no answer. */
async function deafPeer(t: Test, socket: string): Promise<RawPeer> {
  const peer = await RawPeer.connect(t, socket, { greets: false });
  peer.send(opening([[4, 0]]));
  return peer;
}

/** How many streams of `peer` the server has begun to answer. */
function begunOf(peer: RawPeer): number {
  return peer.frames.filter(({ type }) => type === Frame.headers).length;
}

/** How many streams of `peer` the server has ended. */
function endedOf(peer: RawPeer): number {
  return peer.frames.filter(({ type, flags }) => type === Frame.headers && (flags & Flag.endStream) !== 0).length;
}

t.test('a peer that reads no answer is answered once, and may not ask for ever', async (t) => {
  const { socket, channel } = await serve(t);
  const peer = await deafPeer(t, socket);
  const list = data(1, grpcMessage(question({ listServices: '*' })));
  peer.send(callHeaders(1, INFO.v1), list);
  while (begunOf(peer) === 0) await peer.ping();
  peer.send(...Array(64).fill(list));
  await peer.ping();
  t.equal(endedOf(peer), 0, 'one is answered, 64 wait');
  peer.send(list);
  await peer.ping();
  peer.send(windowUpdate(1, 65_536));
  await peer.until(() => endedOf(peer) === 1);
  const content = peer.frames.filter(({ type }) => type === Frame.data);
  t.equal(content.length, 1);
  const { answer, stream } = open(channel);
  t.ok((await answer({ listServices: '*' })).listServicesResponse, 'others are served');
  stream.cancel();
});

t.test('of more streams than there may be the one that is silent for longest ends', async (t) => {
  const { channel, another } = await serve(t);
  const second = another();
  const streams = Array.from({ length: 64 }, (_, index) => open(index % 2 === 0 ? channel : second));
  for (const { answer } of streams) await answer({ listServices: '*' });
  await streams[0]?.answer({ listServices: '*' });
  const further = open(another());
  t.ok(await further.answer({ listServices: '*' }));
  t.match(await streams[1]?.ended, { code: status.RESOURCE_EXHAUSTED });
  t.ok(await streams[0]?.answer({ listServices: '*' }));
  for (const { stream } of [...streams, further]) stream.cancel();
});

t.test('while all streams wait for peers that do not read, one of those gives way to a further one', async (t) => {
  const { socket, channel } = await serve(t);
  const peers = [await deafPeer(t, socket), await deafPeer(t, socket)];
  const list = grpcMessage(question({ listServices: '*' }));
  for (const peer of peers) {
    for (let id = 1; id < 64; id += 2) peer.send(callHeaders(id, INFO.v1), data(id, list));
    while (begunOf(peer) < 32) await peer.ping();
  }
  const { answer, stream } = open(channel);
  t.ok(await answer({ listServices: '*' }));
  stream.cancel();
});

t.test('one connection has at most half of the streams', async (t) => {
  const { channel } = await serve(t);
  const streams = Array.from({ length: 32 }, () => open(channel));
  for (const { answer } of streams) await answer({ listServices: '*' });
  t.match(await open(channel).ended, { code: status.RESOURCE_EXHAUSTED, details: 'too many calls' });
  for (const { stream } of streams) stream.cancel();
});

t.test('of more requests than a second may have the last is refused, and the next second begins anew', async (t) => {
  const { channel, clock } = await serve(t);
  const { answer, stream } = open(channel);
  for (let count = 0; count < 1000; count += 1) await answer({ listServices: '*' });
  const last = open(channel);
  last.ask({ listServices: '*' });
  t.match(await last.ended, { code: status.RESOURCE_EXHAUSTED, details: 'too many requests' });
  clock.nowMs += 1000;
  t.ok(await answer({ listServices: '*' }));
  stream.cancel();
});

t.test('before a shutdown streams end with OK, so that it does not wait for them', async (t) => {
  const { channel, reflection } = await serve(t);
  const { answer, ended } = open(channel);
  await answer({ listServices: '*' });
  reflection?.endAllStreams();
  t.match(await ended, { code: status.OK });
});
