import { once } from 'node:events';
import {
  constants,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  sensitiveHeaders,
} from 'node:http2';
import { createServer as createTlsServer } from 'node:tls';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { CancelSource } from '../../../src/cancellation/index.js';
import { CallFailure, type GrpcClient, openGrpcClient } from '../../../src/net/grpc/index.js';
import { cancelledSignal } from '../../support/cancel-signals.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { rawMethod } from '../../support/raw-method.js';
import { TestCa } from '../../support/test-ca.js';

const ECHO = '/test.Echo/Echo';
const ca = TestCa.root();
const { certPem: cert, keyPem: key } = ca.server();
const soon = () => Date.now() + PATIENCE_MS;

type Call = ServerUnaryCall<Buffer, Buffer>;
type Answer = sendUnaryData<Buffer>;

function open(t: Test, port: number, host = '127.0.0.1'): GrpcClient {
  const connection = openGrpcClient({ address: `${host}:${port}`, rootPem: ca.certificatePem });
  t.teardown(() => connection.close());
  return connection;
}

/** A grpc-js server with one method. */
async function serve(t: Test, answer: (call: Call, done: Answer) => void) {
  const server = new Server();
  server.addService({ Echo: rawMethod(ECHO, 'unary') }, { Echo: answer });
  const credentials = ServerCredentials.createSsl(null, [{ cert_chain: cert, private_key: key }]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  t.teardown(() => server.forceShutdown());
  return { server, port };
}

/** Bare HTTP/2, for answers that no gRPC server gives. */
async function serveBare(t: Test, answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void) {
  const server = createSecureServer({ cert, key });
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    answer(stream, headers);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  return Object(server.address()).port as number;
}

function failureOf(call: Promise<Buffer>): Promise<unknown> {
  return call.then(
    () => 'an answer',
    (failure: unknown) => failure,
  );
}

t.test('the bytes of messages go to a grpc-js server and back, however large they are', async (t) => {
  const { port } = await serve(t, ({ request }, done) => done(null, request));
  const connection = open(t, port);
  for (const bytes of [0, 1, 16_384, 200_000, 4 * 1024 * 1024]) {
    const request = Buffer.alloc(bytes, 'x');
    t.ok(request.equals(await connection.unary(ECHO, request, { deadlineMs: soon() })), `${bytes} bytes`);
  }
});

t.test('many calls at once, begun before the connection is there, get each its own answer', async (t) => {
  const { port } = await serve(t, ({ request }, done) => setImmediate(done, null, request));
  const connection = open(t, port);
  const calls = Array.from({ length: 200 }, (_, index) =>
    connection.unary(ECHO, Buffer.from(`${index}`), { deadlineMs: soon() }),
  );
  t.same(
    (await Promise.all(calls)).map(String),
    calls.map((_, index) => `${index}`),
  );
});

t.test('metadata goes along; the server sees the deadline and the authority', async (t) => {
  let seen: Call | undefined;
  const { port } = await serve(t, (call, done) => {
    seen = call;
    done(null, call.request);
  });
  const deadlineMs = Date.now() + 100 * PATIENCE_MS;
  await open(t, port, 'localhost').unary(ECHO, Buffer.alloc(1), {
    deadlineMs,
    metadata: { authorization: 'Bearer a', b: '' },
  });
  t.same(seen?.metadata.get('authorization'), ['Bearer a']);
  t.same(seen?.metadata.get('b'), ['']);
  // The time that is left goes over the wire; how long that takes comes to it.
  t.ok(Math.abs(Number(seen?.getDeadline()) - deadlineMs) < PATIENCE_MS);
  t.equal(seen?.getHost(), `localhost:${port}`);
});

t.test('a token is never put into a compression table, where it would stay', async (t) => {
  const sensitive: unknown[] = [];
  const port = await serveBare(t, (stream, headers) => {
    sensitive.push(Object(headers)[sensitiveHeaders]);
    stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true });
  });
  await failureOf(open(t, port).unary(ECHO, Buffer.alloc(1), { deadlineMs: soon(), metadata: { authorization: 'x' } }));
  t.match(sensitive, [['authorization']]);
});

t.test("a server's status is the failure, with its text", async (t) => {
  const details = 'no, niet, näh: 100 %';
  const { port } = await serve(t, (_call, done) => done({ code: status.PERMISSION_DENIED, details }));
  const connection = open(t, port);
  const failure = await failureOf(connection.unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() }));
  t.ok(failure instanceof CallFailure);
  t.match(failure, { code: status.PERMISSION_DENIED, details, message: `PERMISSION_DENIED: ${details}` });
  t.match(await failureOf(connection.unary('/no.Such/Method', Buffer.alloc(1), { deadlineMs: soon() })), {
    code: status.UNIMPLEMENTED,
  });
  t.equal(connection.isUsable, true);
});

t.test('a call ends by its signal and by its deadline, and the server learns of it', async (t) => {
  let cancelled = 0;
  let onCancelled = (): void => {};
  let onCall = (): void => {};
  const begun = new Promise<void>((resolve) => (onCall = resolve));
  const { port } = await serve(t, (call) => {
    onCall();
    call.once('cancelled', () => {
      cancelled += 1;
      onCancelled();
    });
  });
  const connection = open(t, port);
  const stop = new CancelSource();
  const stopped = failureOf(connection.unary(ECHO, Buffer.alloc(1), { deadlineMs: soon(), signal: stop }));
  // A call whose deadline passes before the connection is there never comes to the server.
  await begun;
  const late = failureOf(connection.unary(ECHO, Buffer.alloc(1), { deadlineMs: Date.now() + 50 }));
  t.match(await late, { code: status.DEADLINE_EXCEEDED });
  stop.cancel();
  t.match(await stopped, { code: status.CANCELLED });
  while (cancelled < 2) await new Promise<void>((resolve) => (onCancelled = resolve));
  t.match(await failureOf(connection.unary(ECHO, Buffer.alloc(1), { deadlineMs: soon(), signal: cancelledSignal() })), {
    code: status.CANCELLED,
  });
  t.equal(connection.isUsable, true);
});

const broken: readonly { name: string; answer: (stream: ServerHttp2Stream) => void; want: status }[] = [
  {
    name: 'HTTP status 503',
    answer: (stream) => stream.respond({ ':status': 503 }, { endStream: true }),
    want: status.UNAVAILABLE,
  },
  {
    name: 'HTTP status 401',
    answer: (stream) => stream.respond({ ':status': 401 }, { endStream: true }),
    want: status.UNAUTHENTICATED,
  },
  {
    name: 'HTTP status 418',
    answer: (stream) => stream.respond({ ':status': 418 }, { endStream: true }),
    want: status.UNKNOWN,
  },
  {
    name: 'no trailers',
    answer: (stream) => stream.respond({ ':status': 200 }, { endStream: true }),
    want: status.INTERNAL,
  },
  {
    name: 'a status that nobody knows',
    answer: (stream) => stream.respond({ ':status': 200, 'grpc-status': '99' }, { endStream: true }),
    want: status.UNKNOWN,
  },
  {
    name: 'a status that is no number',
    answer: (stream) => stream.respond({ ':status': 200, 'grpc-status': 'x' }, { endStream: true }),
    want: status.UNKNOWN,
  },
  {
    name: 'OK without a message',
    answer: (stream) => stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true }),
    want: status.INTERNAL,
  },
  {
    name: 'a compressed message',
    answer: (stream) => answerBytes(stream, Buffer.from('010000000161', 'hex')),
    want: status.INTERNAL,
  },
  {
    name: 'two messages',
    answer: (stream) => answerBytes(stream, Buffer.from('00000000016100000000016', 'hex')),
    want: status.INTERNAL,
  },
  {
    name: 'half a message',
    answer: (stream) => answerBytes(stream, Buffer.from('000000000961', 'hex')),
    want: status.INTERNAL,
  },
  {
    name: 'more bytes than any answer has',
    answer: (stream) => answerBytes(stream, Buffer.alloc(5 * 1024 * 1024)),
    want: status.RESOURCE_EXHAUSTED,
  },
  {
    name: 'a reset with REFUSED_STREAM',
    answer: (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM),
    want: status.UNAVAILABLE,
  },
  {
    name: 'a reset with ENHANCE_YOUR_CALM',
    answer: (stream) => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM),
    want: status.RESOURCE_EXHAUSTED,
  },
  {
    name: 'a reset with INTERNAL_ERROR',
    answer: (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
    want: status.INTERNAL,
  },
  { name: 'the end of the connection', answer: (stream) => stream.session?.destroy(), want: status.UNAVAILABLE },
];

function answerBytes(stream: ServerHttp2Stream, bytes: Buffer): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(bytes);
}

for (const { name, answer, want } of broken) {
  t.test(`an answer of ${name} is ${status[want]}`, async (t) => {
    const port = await serveBare(t, answer);
    const failure = await failureOf(open(t, port).unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() }));
    t.ok(failure instanceof CallFailure, String(failure));
    t.match(failure, { code: want });
  });
}

t.test('a server that takes its leave finishes its calls and gets no more', async (t) => {
  let finish = (): void => {};
  const called = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let answer: () => void = () => {};
  const { server, port } = await serve(t, ({ request }, done) => {
    answer = () => done(null, request);
    finish();
  });
  const connection = open(t, port);
  const last = connection.unary(ECHO, Buffer.from('last'), { deadlineMs: soon() });
  await called;
  server.tryShutdown(() => {});
  const mark = connection.unary(ECHO, Buffer.from('mark'), { deadlineMs: soon() });
  t.match(await failureOf(mark), { code: status.UNAVAILABLE });
  t.equal(connection.isUsable, false);
  t.match(await failureOf(connection.unary(ECHO, Buffer.from('late'), { deadlineMs: soon() })), {
    code: status.UNAVAILABLE,
  });
  answer();
  t.equal(String(await last), 'last');
});

t.test('close cancels what is under way and what comes later', async (t) => {
  let onCall = (): void => {};
  const called = new Promise<void>((resolve) => {
    onCall = resolve;
  });
  const { port } = await serve(t, () => onCall());
  const connection = open(t, port);
  const call = failureOf(connection.unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() }));
  await called;
  connection.close();
  connection.close();
  t.match(await call, { code: status.CANCELLED });
  t.match(await failureOf(connection.unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() })), { code: status.CANCELLED });
});

t.test('a peer that does not speak HTTP/2 is unavailable', async (t) => {
  const server = createTlsServer({ cert, key }, (socket) => socket.on('error', () => {}));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  const call = open(t, Object(server.address()).port).unary(ECHO, Buffer.alloc(1), { deadlineMs: soon() });
  t.match(await failureOf(call), { code: status.UNAVAILABLE, details: 'the peer does not speak HTTP/2' });
});
