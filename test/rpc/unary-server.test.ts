import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import {
  addUnaryHealthMethod,
  createUnaryServer,
  grpcMessages,
  openChannel,
  type ServedCall,
  status,
} from '../../src/rpc/index.js';
import { type LogFields, silentLogger } from '../../src/telemetry/index.js';
import { shortDir } from '../support/short-dir.js';
import { listenSockets } from '../support/unix-sockets.js';

const { HealthCheckRequest, HealthCheckResponse } = grpcMessages.health.v1;
const HEALTH = '/grpc.health.v1.Health/Check';
const ECHO = '/test.Echo/Echo';
const soon = () => Date.now() + 10_000;

interface Served {
  readonly maxReceiveBytes?: number;
  readonly isServing?: () => boolean;
  readonly echo?: (call: ServedCall) => void;
}

/** A server on a Unix socket; its clients are grpc-js, or bare HTTP/2. */
async function serve(t: Test, { maxReceiveBytes = 1 << 20, isServing = () => true, echo = answerSame }: Served = {}) {
  const path = join(shortDir(t), 's.sock');
  const warnings: [string, LogFields?][] = [];
  const logger = { ...silentLogger, warn: (...line: [string, LogFields?]) => warnings.push(line) };
  const server = createUnaryServer({ logger, maxReceiveBytes, maxConcurrentStreams: 100 });
  addUnaryHealthMethod(server, isServing);
  server.addMethod(ECHO, echo);
  const listener = await listenSockets(path, (socket) => server.attach(socket));
  t.teardown(async () => {
    await listener.close();
    await server.close(0);
  });
  return { path, server, listener, warnings };
}

function answerSame(call: ServedCall): void {
  call.answer(call.request);
}

function open(t: Test, path: string) {
  const channel = openChannel({ unix: path });
  t.teardown(() => channel.close());
  return channel;
}

function bare(t: Test, path: string): ClientHttp2Session {
  const session = connectHttp2('http://localhost', { createConnection: () => connect(path) });
  session.on('error', () => {});
  t.teardown(() => session.destroy());
  return session;
}

/** What a bare request is answered with: headers, trailers among them, and how its stream ended. */
async function ask(session: ClientHttp2Session, headers: object, body?: Buffer) {
  const stream = session.request({ ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc', ...headers });
  const seen: Record<string, unknown> = {};
  stream.on('response', (response) => Object.assign(seen, response));
  stream.on('trailers', (trailers) => Object.assign(seen, trailers));
  stream.on('error', () => {});
  stream.resume();
  if (body === undefined) stream.end();
  else stream.end(body);
  await once(stream, 'close');
  return { ...seen, resetCode: stream.rstCode };
}

t.test('health: serving, not serving, unknown service, garbage', async (t) => {
  let isServing = true;
  const { path } = await serve(t, { isServing: () => isServing });
  const channel = open(t, path);
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

t.test('messages of any length below the limit are answered, and no message is one, too', async (t) => {
  const { path } = await serve(t);
  const channel = open(t, path);
  for (const bytes of [0, 1, 20_000, 1 << 20]) {
    const request = Buffer.alloc(bytes, 'x');
    t.ok(request.equals(await channel.unary(ECHO, request, { deadlineMs: soon() })), `${bytes} bytes`);
  }
});

t.test('an unknown method is UNIMPLEMENTED, a message over the limit RESOURCE_EXHAUSTED', async (t) => {
  const { path } = await serve(t, { maxReceiveBytes: 100 });
  const channel = open(t, path);
  const call = (method: string, bytes: number) => channel.unary(method, Buffer.alloc(bytes), { deadlineMs: soon() });
  await t.rejects(call('/no.Such/Method', 0), { code: status.UNIMPLEMENTED });
  await t.rejects(call(ECHO, 101), { code: status.RESOURCE_EXHAUSTED });
  await t.rejects(call(ECHO, 1_000_000), { code: status.RESOURCE_EXHAUSTED });
  t.equal((await call(ECHO, 100)).length, 100, 'the connection goes on');
});

t.test('a call sees its metadata, all values of it, and the number of its connection', async (t) => {
  const calls: ServedCall[] = [];
  const echo = (call: ServedCall): void => {
    calls.push(call);
    answerSame(call);
  };
  const { path } = await serve(t, { echo });
  const one = open(t, path);
  const metadata = { authorization: 'Bearer a', clusterid: '' };
  await one.unary(ECHO, Buffer.alloc(1), { deadlineMs: soon(), metadata });
  await one.unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() });
  await ask(bare(t, path), { clusterid: ['a', 'b'] }, Buffer.alloc(5));
  t.same(
    calls.map((call) => [call.connection, call.metadata('authorization'), call.metadata('clusterid')]),
    [
      [1, ['Bearer a'], ['']],
      [1, [], []],
      [2, [], ['a', 'b']],
    ],
  );
});

t.test("a refusal's text arrives whatever letters it has", async (t) => {
  const details = 'no, niet, näh: 100 %\n';
  const { path } = await serve(t, { echo: (call) => call.refuse({ code: status.ABORTED, details }) });
  await t.rejects(open(t, path).unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() }), {
    code: status.ABORTED,
    details,
  });
});

t.test('only the first answer counts', async (t) => {
  const echo = (call: ServedCall): void => {
    call.answer(Buffer.from('first'));
    call.answer(Buffer.from('second'));
    call.refuse({ code: status.ABORTED, details: '' });
  };
  const { path } = await serve(t, { echo });
  t.equal(String(await open(t, path).unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() })), 'first');
});

t.test('a method learns that its caller has gone, and may answer all the same', async (t) => {
  const calls: ServedCall[] = [];
  let gone = 0;
  let onCall = (): void => {};
  const { path } = await serve(t, {
    echo(call) {
      calls.push(call);
      call.onGone(() => {
        gone += 1;
        onCall();
      });
      onCall();
    },
  });
  const next = () => new Promise<void>((resolve) => (onCall = resolve));
  const channel = open(t, path);
  const stop = new AbortController();
  const called = next();
  const call = channel.unary(ECHO, Buffer.alloc(1), { deadlineMs: soon(), signal: stop.signal });
  await called;
  const left = next();
  stop.abort();
  await t.rejects(call, { code: status.CANCELLED });
  await left;
  for (const one of calls) one.answer(Buffer.alloc(1));
  t.equal(gone, 1);
});

t.test('nobody has gone when an answer has been given', async (t) => {
  let gone = 0;
  const echo = (call: ServedCall): void => {
    call.onGone(() => {
      gone += 1;
    });
    answerSame(call);
  };
  const { path, server, listener } = await serve(t, { echo });
  await open(t, path).unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() });
  await listener.close();
  await server.close(0);
  t.equal(gone, 0);
});

const unfit = [
  { name: 'of GET', headers: { ':method': 'GET' }, want: { ':status': 405 } },
  { name: 'that is not gRPC', headers: { 'content-type': 'text/html' }, want: { ':status': 415 } },
  { name: 'without a message', body: undefined, want: { 'grpc-status': `${status.INVALID_ARGUMENT}` } },
  { name: 'of half a prefix', body: '0000', want: { 'grpc-status': `${status.INVALID_ARGUMENT}` } },
  { name: 'of half a message', body: '000000000961', want: { 'grpc-status': `${status.INVALID_ARGUMENT}` } },
  { name: 'of two messages', body: '00000000000000000000', want: { 'grpc-status': `${status.INVALID_ARGUMENT}` } },
  { name: 'that is compressed', body: '010000000161', want: { 'grpc-status': `${status.UNIMPLEMENTED}` } },
];

for (const { name, headers = {}, body, want } of unfit) {
  t.test(`a request ${name} is refused`, async (t) => {
    const { path } = await serve(t);
    const bytes = body === undefined ? undefined : Buffer.from(body, 'hex');
    t.match(await ask(bare(t, path), headers, bytes), want);
  });
}

t.test('a call that its peer resets before it is whole reaches nobody', async (t) => {
  const calls: ServedCall[] = [];
  const { path } = await serve(t, { echo: (call) => calls.push(call) });
  const session = bare(t, path);
  const stream = session.request({ ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc' });
  stream.on('error', () => {});
  stream.write(Buffer.from('0000000005', 'hex'));
  await once(session, 'remoteSettings');
  stream.close(constants.NGHTTP2_CANCEL);
  await once(stream, 'close');
  await new Promise((resolve) => session.ping(resolve));
  t.equal(calls.length, 0);
});

t.test('a call ends by its signal, by its deadline, and when nobody listens', async (t) => {
  const { path } = await serve(t, { echo: () => {} });
  const channel = open(t, path);
  const hang = (options: { deadlineMs: number; signal?: AbortSignal }) => channel.unary(ECHO, Buffer.alloc(0), options);
  const abort = new AbortController();
  const hanging = hang({ deadlineMs: soon(), signal: abort.signal });
  abort.abort();
  await t.rejects(hanging, { code: status.CANCELLED });
  await t.rejects(hang({ deadlineMs: soon(), signal: AbortSignal.abort() }), { code: status.CANCELLED });
  await t.rejects(hang({ deadlineMs: Date.now() + 1 }), { code: status.DEADLINE_EXCEEDED });
  const nobody = open(t, join(shortDir(t), 'nobody.sock'));
  await t.rejects(nobody.unary(ECHO, Buffer.alloc(0), { deadlineMs: soon() }), { code: status.UNAVAILABLE });
});

t.test('close ends silent connections at once, and those with calls when the calls end', async (t) => {
  let onCall: (call: ServedCall) => void = () => {};
  const called = new Promise<ServedCall>((resolve) => {
    onCall = resolve;
  });
  const { path, server, listener } = await serve(t, { echo: (call) => onCall(call) });
  const silent = new Promise((resolve) => connect(path).once('close', resolve).resume());
  const answer = open(t, path).unary(ECHO, Buffer.from('last'), { deadlineMs: soon() });
  const call = await called;
  await listener.close();
  const closing = server.close(60_000);
  call.answer(call.request);
  t.equal(String(await answer), 'last');
  await closing;
  t.equal(await server.close(60_000), undefined, 'a second close is the same');
  await silent;
});

t.test('a call without an answer is cut off after the grace time, and that is logged', async (t) => {
  let onCall: (call: ServedCall) => void = () => {};
  const called = new Promise<ServedCall>((resolve) => {
    onCall = resolve;
  });
  const { path, server, listener, warnings } = await serve(t, { echo: (call) => onCall(call) });
  const failed = t.rejects(open(t, path).unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() }));
  await called;
  await listener.close();
  await server.close(1);
  await failed;
  t.same(warnings, [['connections cut off at shutdown', { connections: 1 }]]);
});

t.test('a socket attached after close is destroyed', async (t) => {
  const { path, server } = await serve(t);
  await server.close(0);
  const late = connect(path);
  await new Promise((resolve) => late.once('close', resolve).resume());
});
