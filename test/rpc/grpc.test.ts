import { connect } from 'node:net';
import { join } from 'node:path';
import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import {
  connectionOf,
  createGrpcServer,
  type GrpcServer,
  grpcMessages,
  healthService,
  openChannel,
  rawMethod,
} from '../../src/rpc/index.js';
import { silentLogger } from '../../src/telemetry/index.js';
import { shortDir } from '../support/short-dir.js';
import { listenSockets } from '../support/unix-sockets.js';

const { HealthCheckRequest, HealthCheckResponse } = grpcMessages.health.v1;
const HEALTH = '/grpc.health.v1.Health/Check';
const ECHO = '/test.Echo/Stream';
type RawBidiCall = ServerDuplexStream<Buffer, Buffer>;
const soon = () => Date.now() + 10_000;

async function serve(t: Test, options: { maxReceiveBytes?: number; prepare?: (server: GrpcServer) => void } = {}) {
  const path = join(shortDir(t), 's.sock');
  const server = createGrpcServer({ logger: silentLogger, maxReceiveBytes: options.maxReceiveBytes ?? 1 << 20 });
  options.prepare?.(server);
  const { definition, implementation } = healthService(() => true);
  server.addService(definition, implementation);
  const listener = await listenSockets(path, (socket) => server.attach(socket));
  t.teardown(async () => {
    await listener.close();
    await server.close(0);
  });
  return { path, server, listener };
}

function open(t: Test, path: string) {
  const channel = openChannel({ unix: path });
  t.teardown(() => channel.close());
  return channel;
}

/** Echoes; tells the connection's number as its first message, and ends when the peer does. */
function addEcho(calls: RawBidiCall[] = []) {
  return (server: GrpcServer): void =>
    server.addService(
      { Stream: rawMethod(ECHO, 'bidi') },
      {
        Stream: (call: RawBidiCall) => {
          calls.push(call);
          call.write(Buffer.from(String(connectionOf(call))));
          call.on('data', (bytes: Buffer) => call.write(bytes));
          call.on('end', () => call.end());
        },
      },
    );
}

function next(stream: NodeJS.EventEmitter): Promise<string> {
  return new Promise((resolve) => stream.once('data', (bytes: Buffer) => resolve(bytes.toString())));
}

t.test('health: serving, not serving, unknown service, garbage', async (t) => {
  let isServing = true;
  const path = join(shortDir(t), 's.sock');
  const server = createGrpcServer({ logger: silentLogger, maxReceiveBytes: 1000 });
  const { definition, implementation } = healthService(() => isServing);
  server.addService(definition, implementation);
  const listener = await listenSockets(path, (socket) => server.attach(socket));
  const channel = open(t, path);
  t.teardown(async () => {
    await listener.close();
    await server.close(0);
  });
  const check = async (service: string) => {
    const request = Buffer.from(HealthCheckRequest.encode({ service }).finish());
    return HealthCheckResponse.decode(await channel.unary(HEALTH, request, { deadlineMs: soon() })).status;
  };
  t.equal(await check(''), HealthCheckResponse.ServingStatus.SERVING);
  isServing = false;
  t.equal(await check(''), HealthCheckResponse.ServingStatus.NOT_SERVING);
  await t.rejects(check('other'), { code: status.NOT_FOUND });
  await t.rejects(channel.unary(HEALTH, Buffer.from('ff', 'hex'), { deadlineMs: soon() }), { code: status.NOT_FOUND });
});

t.test('an unknown method is UNIMPLEMENTED, a message over the limit RESOURCE_EXHAUSTED', async (t) => {
  const { path } = await serve(t, { maxReceiveBytes: 100 });
  const channel = open(t, path);
  await t.rejects(channel.unary('/no.Such/Method', Buffer.alloc(0), { deadlineMs: soon() }), {
    code: status.UNIMPLEMENTED,
  });
  await t.rejects(channel.unary(HEALTH, Buffer.alloc(101), { deadlineMs: soon() }), {
    code: status.RESOURCE_EXHAUSTED,
  });
});

t.test('a call ends by its signal, by its deadline, and when nobody listens', async (t) => {
  const prepare = (server: GrpcServer) =>
    server.addService({ Hang: rawMethod('/test.Hang/Hang', 'unary') }, { Hang: () => {} });
  const { path } = await serve(t, { prepare });
  const channel = open(t, path);
  const hang = (options: { deadlineMs: number; signal?: AbortSignal }) =>
    channel.unary('/test.Hang/Hang', Buffer.alloc(0), options);
  const abort = new AbortController();
  const hanging = hang({ deadlineMs: soon(), signal: abort.signal });
  abort.abort();
  await t.rejects(hanging, { code: status.CANCELLED });
  await t.rejects(hang({ deadlineMs: soon(), signal: AbortSignal.abort() }), { code: status.CANCELLED });
  await t.rejects(hang({ deadlineMs: Date.now() + 1 }), { code: status.DEADLINE_EXCEEDED });
  const nobody = open(t, join(shortDir(t), 'nobody.sock'));
  await t.rejects(nobody.unary(HEALTH, Buffer.alloc(0), { deadlineMs: soon() }), { code: status.UNAVAILABLE });
});

t.test('streams of one connection know its number, another connection has another', async (t) => {
  const { path } = await serve(t, { prepare: addEcho() });
  const [one, two] = [open(t, path), open(t, path)];
  const streams = [one.bidi(ECHO), one.bidi(ECHO)];
  const numbers = await Promise.all(streams.map(next));
  const other = two.bidi(ECHO);
  numbers.push(await next(other));
  t.same(numbers, ['1', '1', '2']);
  const echoed = next(other);
  other.write(Buffer.alloc(100_000, 'x'));
  t.equal((await echoed).length, 100_000, 'larger than a default window');
  for (const stream of [...streams, other]) stream.end();
  await Promise.all(
    [...streams, other].map((stream) => new Promise((resolve) => stream.once('status', resolve).resume())),
  );
});

t.test('close ends silent connections at once, and those with calls when the calls end', async (t) => {
  const calls: RawBidiCall[] = [];
  const { path, server, listener } = await serve(t, { prepare: addEcho(calls) });
  const silent = new Promise((resolve) => connect(path).once('close', resolve).resume());
  const stream = open(t, path).bidi(ECHO);
  await next(stream);
  await listener.close();
  const closing = server.close(60_000);
  const ended = new Promise<{ code: status }>((resolve) => stream.once('status', resolve).resume());
  for (const call of calls) call.end();
  t.equal((await ended).code, status.OK);
  await closing;
  t.equal(await server.close(60_000), undefined, 'a second close is the same');
  await silent;
});

t.test('a stream that does not end is cut off after the grace time, and that is logged', async (t) => {
  const warnings: unknown[] = [];
  const server = createGrpcServer({
    logger: { ...silentLogger, warn: (message, fields) => warnings.push([message, fields]) },
    maxReceiveBytes: 1000,
  });
  addEcho()(server);
  const path = join(shortDir(t), 's.sock');
  const listener = await listenSockets(path, (socket) => server.attach(socket));
  const stream = open(t, path).bidi(ECHO);
  await next(stream);
  const failed = new Promise<{ code: status }>((resolve) => stream.once('error', (error) => resolve(Object(error))));
  await listener.close();
  await server.close(1);
  t.not((await failed).code, status.OK);
  t.same(warnings, [['connections cut off at shutdown', { connections: 1 }]]);
});

t.test('a socket attached after close is destroyed', async (t) => {
  const { path, server } = await serve(t);
  await server.close(0);
  const late = connect(path);
  await new Promise((resolve) => late.once('close', resolve).resume());
});
