import { type ClientHttp2Stream, constants } from 'node:http2';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import {
  addHealthMethods,
  FRAME_PREFIX_BYTES,
  type GrpcCall,
  status,
  writeFramePrefix,
} from '../../../src/net/grpc/index.js';
import { sendMessage } from '../../../src/net/grpc/server/grpc-call.js';
import { grpcMessages } from '../../../src/net/protobuf/index.js';
import { serveFramed } from '../../support/framed-endpoint.js';
import { PATIENCE_MS } from '../../support/patience.js';

const { HealthCheckRequest, HealthCheckResponse } = grpcMessages.health.v1;
const HEALTH = '/grpc.health.v1.Health/Check';
const ECHO = '/test.Echo/Stream';
/** Tells how long a message was. */
const COUNT = '/test.Echo/Count';
const MAX_BYTES = 100_000;
const soon = () => Date.now() + PATIENCE_MS;

/** A server with health and an echo, which tells the connection's number first. */
async function serve(t: Test, { isServing = () => true }: { isServing?: () => boolean } = {}) {
  const calls: GrpcCall[] = [];
  let gone = 0;
  let onGone = (): void => {};
  const echo = (call: GrpcCall): void => {
    calls.push(call);
    sendMessage(call, Buffer.from(String(call.connection)));
    let parts: Buffer[] = [];
    call.listen({
      part(bytes, isLast) {
        parts.push(Buffer.from(bytes));
        if (!isLast) return;
        sendMessage(call, Buffer.concat(parts));
        parts = [];
      },
      halfClosed: () => call.end(),
      gone: () => {
        gone += 1;
        onGone();
      },
    });
  };
  const count = (call: GrpcCall): void => {
    let received = 0;
    call.listen({
      part(bytes, isLast) {
        received += bytes.length;
        if (isLast) sendMessage(call, Buffer.from(String(received)));
      },
      halfClosed: () => call.end(),
      gone: () => {},
    });
  };
  const served = await serveFramed(t, {
    maxReceiveBytes: MAX_BYTES,
    maxConcurrentStreams: 5000,
    methods(server) {
      addHealthMethods(server, isServing);
      server.addMethod(ECHO, echo, { metadata: ['authorization'] });
      server.addMethod(COUNT, count);
    },
  });
  const nextGone = (): Promise<void> =>
    new Promise((resolve) => {
      onGone = resolve;
    });
  return { ...served, channel: served.open(), calls, goneCount: () => gone, nextGone };
}

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(FRAME_PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** What a client says first: the preface, and SETTINGS without any. (RFC 9113 §3.4) */
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from('000000040000000000', 'hex'),
]);

const ECHO_HEADERS = { ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc', te: 'trailers' };

function next(stream: NodeJS.EventEmitter): Promise<string> {
  return new Promise((resolve) => stream.once('data', (bytes: Buffer) => resolve(bytes.toString())));
}

/** The status of a call, wherever it comes: in the trailers, or in the headers when there is nothing else. */
function endOf(stream: ClientHttp2Stream): Promise<{ code: number; message: string | undefined }> {
  return new Promise((resolve) => {
    const read = (headers: Record<string, unknown>): void => {
      const { 'grpc-status': code, 'grpc-message': message } = headers;
      if (code !== undefined) resolve({ code: Number(code), message: message?.toString() });
    };
    stream.on('response', read).on('trailers', read).resume();
  });
}

t.test('health: serving, not serving, unknown service, garbage', async (t) => {
  let isServing = true;
  const { channel } = await serve(t, { isServing: () => isServing });
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
  const { channel } = await serve(t);
  const call = (path: string, bytes: number) => channel.unary(path, Buffer.alloc(bytes), { deadlineMs: soon() });
  await t.rejects(call('/no.Such/Method', 0), { code: status.UNIMPLEMENTED, details: 'unknown method' });
  await t.rejects(call(HEALTH, MAX_BYTES + 1), { code: status.RESOURCE_EXHAUSTED, details: /100001 bytes/ });
});

t.test('streams of one connection know its number, another connection has another', async (t) => {
  const { open, channel } = await serve(t);
  const two = open();
  const streams = [channel.bidi(ECHO), channel.bidi(ECHO)];
  const numbers = await Promise.all(streams.map(next));
  const other = two.bidi(ECHO);
  numbers.push(await next(other));
  t.same(numbers, ['1', '1', '2']);
  const echoed = next(other);
  other.write(Buffer.alloc(MAX_BYTES, 'x'));
  t.equal((await echoed).length, MAX_BYTES, 'larger than a default window');
  const ends = [...streams, other].map((stream) => {
    stream.end();
    return new Promise<{ code: status }>((resolve) => stream.once('status', resolve).resume());
  });
  for (const { code } of await Promise.all(ends)) t.equal(code, status.OK);
});

t.test('messages are put together however their bytes come', async (t) => {
  const { bare } = await serve(t);
  const stream = bare().request(ECHO_HEADERS);
  const wanted = ['1', '', 'a', 'xyz', 'é'];
  const bytes = Buffer.concat(wanted.slice(1).map((text) => framed(Buffer.from(text))));
  let got = Buffer.alloc(0);
  const all = new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      if (got.length >= Buffer.concat(wanted.map((text) => framed(Buffer.from(text)))).length) resolve();
    });
  });
  for (const byte of bytes) await new Promise((resolve) => stream.write(Buffer.of(byte), resolve));
  await all;
  t.same(got, Buffer.concat(wanted.map((text) => framed(Buffer.from(text)))));
});

const refusals = [
  { name: 'a compressed message', bytes: Buffer.from([1, 0, 0, 0, 1, 0]), code: status.UNIMPLEMENTED },
  { name: 'a message cut off', bytes: Buffer.from([0, 0, 0, 0, 9, 0]), code: status.INVALID_ARGUMENT },
  { name: 'a prefix cut off', bytes: Buffer.from([0, 0]), code: status.INVALID_ARGUMENT },
  { name: 'a message of 4 GB', bytes: Buffer.from([0, 255, 255, 255, 255]), code: status.RESOURCE_EXHAUSTED },
];
for (const { name, bytes, code } of refusals) {
  t.test(`${name} ends its call, and no other`, async (t) => {
    const { bare, goneCount } = await serve(t);
    const session = bare();
    const good = session.request(ECHO_HEADERS);
    await next(good);
    const bad = session.request(ECHO_HEADERS);
    bad.end(bytes);
    t.equal((await endOf(bad)).code, code);
    const echoed = next(good);
    good.write(framed(Buffer.from('still there')));
    t.match(await echoed, 'still there');
    t.equal(goneCount(), 1);
  });
}

t.test('what is not gRPC is answered as HTTP does', async (t) => {
  const { bare } = await serve(t);
  const session = bare();
  const statusOf = (headers: Record<string, string>) =>
    new Promise((resolve) => {
      const request = session.request(headers).once('response', (response) => resolve(response[':status']));
      request.end();
    });
  t.equal(await statusOf({ ':method': 'GET', ':path': ECHO }), constants.HTTP_STATUS_METHOD_NOT_ALLOWED);
  t.equal(
    await statusOf({ ':method': 'POST', ':path': ECHO, 'content-type': 'text/plain' }),
    constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE,
  );
});

t.test('a deadline that the caller names is kept, also when the caller does not', async (t) => {
  const { bare } = await serve(t);
  const stream = bare().request({ ...ECHO_HEADERS, 'grpc-timeout': '1m' });
  t.equal((await endOf(stream)).code, status.DEADLINE_EXCEEDED);
});

t.test('a stream that the server ends is over on both sides, although the peer has not half-closed', async (t) => {
  const { bare, calls, goneCount } = await serve(t);
  const stream = bare().request(ECHO_HEADERS);
  await next(stream);
  const closed = new Promise((resolve) => stream.once('close', resolve));
  const end = endOf(stream);
  calls[0]?.end({ code: status.UNAVAILABLE, details: 'gone: 100 % 🚀\n' });
  t.same(await end, { code: status.UNAVAILABLE, message: 'gone: 100 %25 %F0%9F%9A%80%0A' });
  await closed;
  t.equal(goneCount(), 1);
  calls[0]?.end();
});

t.test('a reset by the peer is told once', async (t) => {
  const { bare, channel, goneCount, nextGone } = await serve(t);
  const stream = bare().request(ECHO_HEADERS);
  await next(stream);
  const gone = nextGone();
  stream.close(constants.NGHTTP2_CANCEL);
  await gone;
  await channel.unary(HEALTH, Buffer.alloc(0), { deadlineMs: soon() });
  const other = channel.bidi(ECHO);
  await next(other);
  t.equal(goneCount(), 1);
  other.on('error', () => {}).cancel();
});

t.test('a stream that is reset in the very packet that opened it harms nobody', async (t) => {
  const { path, channel } = await serve(t);
  // GET http / of the authority x (RFC 7541, Appendix A: 2, 6, 4 and 1), then RST_STREAM with CANCEL. (RFC 9113 §6)
  const opened = (id: string) => `000006010400000${id}828684410178` + `000004030000000${id}00000008`;
  const packet = ['1', '3', '5'].map(opened).join('');
  const socket = connect(path);
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  socket.write(Buffer.concat([PREFACE, Buffer.from(packet, 'hex')]));
  await new Promise((resolve) => socket.once('data', resolve));
  const stream = channel.bidi(ECHO);
  t.equal(await next(stream), '2');
  stream.end();
});

t.test('a call knows each authorization that its peer sent, also a second one', async (t) => {
  const { path, calls } = await serve(t);
  const literal = (name: string, value: string) =>
    Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
  const block = Buffer.concat([
    // POST, http, and the authority x. (RFC 7541, Appendix A: 3, 6 and 1)
    Buffer.from('8386410178', 'hex'),
    ...[literal(':path', ECHO), literal('content-type', 'application/grpc')],
    ...[literal('authorization', 'Bearer one'), literal('authorization', 'Bearer two')],
  ]);
  const head = Buffer.from('000000010400000001', 'hex');
  head.writeUIntBE(block.length, 0, 3);
  const socket = connect(path);
  t.teardown(() => socket.destroy());
  socket.write(Buffer.concat([PREFACE, head, block]));
  const answered = framed(Buffer.from('1'));
  let got = Buffer.alloc(0);
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      if (got.includes(answered)) resolve();
    });
  });
  t.same(calls[0]?.authorization, ['Bearer one', 'Bearer two']);
});

t.test('an answer to a call that is over is thrown away, and its memory given back', async (t) => {
  const { bare, calls, nextGone } = await serve(t);
  const stream = bare().request(ECHO_HEADERS);
  await next(stream);
  const gone = nextGone();
  stream.close(constants.NGHTTP2_CANCEL);
  await gone;
  await new Promise<void>((resolve, reject) => {
    const [call] = calls;
    if (call === undefined) reject(new Error('no call'));
    else sendMessage(call, Buffer.from('late'), resolve);
    call?.end();
  });
});

t.test('memory that calls share is given back when the slowest reader has all of it, whole', async (t) => {
  const { bare, calls } = await serve(t);
  const message = Buffer.alloc(300_000, 'secret');
  // A window of one byte more than nothing: what is sent waits in the server.
  const session = bare({ initialWindowSize: 1000 });
  const stream = session.request(ECHO_HEADERS);
  await next(stream);
  stream.pause();
  let isWritten = false;
  const written = new Promise<void>((resolve) => {
    const [call] = calls;
    if (call === undefined) throw new Error('no call');
    sendMessage(call, Buffer.from('first'));
    const prefix = Buffer.alloc(FRAME_PREFIX_BYTES);
    writeFramePrefix(prefix, message.length);
    const head = Buffer.concat([prefix, message]);
    call.send(head, Buffer.alloc(0), () => {
      isWritten = true;
      head.fill(0);
      resolve();
    });
  });
  await new Promise((resolve) => session.ping(resolve));
  t.notOk(isWritten, 'the window is closed');
  let got = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    got = Buffer.concat([got, chunk]);
  });
  stream.resume();
  await written;
  const whole = framed(Buffer.from('first')).length + framed(message).length;
  while (got.length < whole) await new Promise((resolve) => stream.once('data', resolve));
  t.same(got.subarray(-message.length), message);
});

t.test('row 59: a gateway opens 2 000 streams with first requests of 55 kB on one connection', async (t) => {
  const { bare } = await serve(t);
  const session = bare();
  const request = framed(Buffer.alloc(55_000));
  const answers = Array.from({ length: 2000 }, () => {
    const stream = session.request({ ...ECHO_HEADERS, ':path': COUNT });
    stream.write(request);
    return next(stream);
  });
  for (const answer of await Promise.all(answers)) t.match(answer, '55000');
});

t.test('close ends silent connections at once, and those with calls when the calls end', async (t) => {
  const { path, server, listener, channel, calls } = await serve(t);
  const silent = new Promise((resolve) => connect(path).once('close', resolve).resume());
  const stream = channel.bidi(ECHO);
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
  const { server, listener, channel, warnings } = await serve(t);
  const stream = channel.bidi(ECHO);
  await next(stream);
  const failed = new Promise<{ code: status }>((resolve) => stream.once('error', (error) => resolve(Object(error))));
  await listener.close();
  await server.close(1);
  t.not((await failed).code, status.OK);
  t.same(warnings, [{ message: 'connections cut off at shutdown', fields: { connections: 1 } }]);
});

t.test('a socket attached after close is destroyed', async (t) => {
  const { path, server } = await serve(t);
  await server.close(0);
  const late = connect(path);
  await new Promise((resolve) => late.once('close', resolve).resume());
});

t.test('garbage before the preface ends its connection, and no other', async (t) => {
  const { path, channel } = await serve(t);
  const stream = channel.bidi(ECHO);
  await next(stream);
  const garbage = connect(path);
  garbage.write(Buffer.alloc(10_000, 'GET / HTTP/1.1\r\n'));
  await new Promise((resolve) => garbage.once('close', resolve).resume());
  const echoed = next(stream);
  stream.write(Buffer.from('still there'));
  t.equal(await echoed, 'still there');
  stream.end();
});
