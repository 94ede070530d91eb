import { once } from 'node:events';
import {
  createSecureServer,
  type OutgoingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { type GrpcClient, openGrpcClient, status } from '../../../src/net/grpc/index.js';
import { encodeFrame, encodeSettings, Frame } from '../../../src/net/http2/index.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { TestCa } from '../../support/test-ca.js';

const ECHO = '/test.Echo/Echo';
const ca = TestCa.root();
const { certPem: cert, keyPem: key } = ca.server();
const soon = () => Date.now() + PATIENCE_MS;
const GRPC = { ':status': 200, 'content-type': 'application/grpc' } as const;

function open(t: Test, port: number): GrpcClient {
  const connection = openGrpcClient({ address: `127.0.0.1:${port}`, rootPem: ca.certificatePem });
  t.teardown(() => connection.close());
  return connection;
}

/** A server of nghttp2, with the tables and the Huffman code that it uses. */
async function serve(t: Test, answer: (stream: ServerHttp2Stream) => void, options: SecureServerOptions = {}) {
  const server = createSecureServer({ cert, key, ...options });
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    answer(stream);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  return Object(server.address()).port as number;
}

/** A server of TLS alone: what it says is said by hand. */
async function serveRaw(t: Test, onSocket: (socket: TLSSocket) => void) {
  const server = createTlsServer({ cert, key, ALPNProtocols: ['h2'] }, (socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  return Object(server.address()).port as number;
}

function failureOf(call: Promise<Buffer>): Promise<unknown> {
  return call.then(
    (message) => `an answer of ${message.length} bytes`,
    (failure: unknown) => failure,
  );
}

function ask(connection: GrpcClient, message = 'x'): Promise<Buffer> {
  return connection.unary(ECHO, Buffer.from(message), { deadlineMs: soon() });
}

t.test('the same fields again and again, coded by tables and Huffman, are read as they are', async (t) => {
  let count = 0;
  const port = await serve(t, (stream) => {
    count += 1;
    const text = `${'näh '.repeat(count % 7)}${count % 3}`;
    stream.respond(
      { ...GRPC, 'x-request': `${count}`, 'grpc-status': '9', 'grpc-message': encodeURIComponent(text) },
      { endStream: true },
    );
  });
  const connection = open(t, port);
  for (let asked = 1; asked <= 100; asked += 1) {
    const details = `${'näh '.repeat(asked % 7)}${asked % 3}`;
    t.match(await failureOf(ask(connection)), { code: status.FAILED_PRECONDITION, details });
  }
});

t.test('a server that lets two calls be open at a time gets no third one, and answers all', async (t) => {
  let isOpen = 0;
  let most = 0;
  const answer = (stream: ServerHttp2Stream): void => {
    isOpen += 1;
    most = Math.max(most, isOpen);
    stream.resume().on('end', () =>
      setImmediate(() => {
        isOpen -= 1;
        stream.respond(GRPC, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(Buffer.from('000000000161', 'hex'));
      }),
    );
  };
  const connection = open(t, await serve(t, answer, { settings: { maxConcurrentStreams: 2 } }));
  await ask(connection);
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(connection)));
  t.same(new Set(answers.map(String)), new Set(['a']));
  t.equal(most, 2);
});

const foreign: readonly { name: string; headers: OutgoingHttpHeaders; want: status }[] = [
  { name: 'a page of HTML', headers: { ':status': 200, 'content-type': 'text/html' }, want: status.UNKNOWN },
  { name: 'a page of 503', headers: { ':status': 503, 'content-type': 'text/html' }, want: status.UNAVAILABLE },
  {
    name: 'gRPC-Web',
    headers: { ':status': 200, 'content-type': 'application/grpc-web', 'grpc-status': '0' },
    want: status.UNKNOWN,
  },
  {
    name: 'a status of its own in HTML',
    headers: { ':status': 404, 'content-type': 'text/html', 'grpc-status': '0' },
    want: status.UNIMPLEMENTED,
  },
  {
    name: 'gRPC with protobuf',
    headers: { ':status': 200, 'content-type': 'application/grpc+proto', 'grpc-status': '5' },
    want: status.NOT_FOUND,
  },
  {
    name: 'an empty status',
    headers: { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '' },
    want: status.UNKNOWN,
  },
  {
    name: 'a status with 400',
    headers: { ':status': 400, 'content-type': 'application/grpc', 'grpc-status': '5' },
    want: status.NOT_FOUND,
  },
];
for (const { name, headers, want } of foreign) {
  t.test(`an answer of ${name} is ${status[want]}`, async (t) => {
    const port = await serve(t, (stream) => {
      stream.respond(headers);
      stream.end('<html>');
    });
    const port2 = await serve(t, (stream) => stream.respond(headers, { endStream: true }));
    for (const one of [port, port2]) t.match(await failureOf(ask(open(t, one))), { code: want });
  });
}

t.test('deadlines end calls in their order, whatever that of the calls was', async (t) => {
  const connection = open(t, await serve(t, () => {}));
  const ended: number[] = [];
  const call = async (ms: number): Promise<void> => {
    t.match(await failureOf(connection.unary(ECHO, Buffer.of(1), { deadlineMs: Date.now() + ms })), {
      code: status.DEADLINE_EXCEEDED,
    });
    ended.push(ms);
  };
  await Promise.all([call(90), call(30), call(60), call(-1)]);
  t.same(ended, [-1, 30, 60, 90]);
  t.equal(connection.isUsable, true);
});

t.test('a deadline of a month from now is no reason to hurry', async (t) => {
  const port = await serve(t, (stream) => stream.respond({ ...GRPC, 'grpc-status': '5' }, { endStream: true }));
  const call = open(t, port).unary(ECHO, Buffer.of(1), { deadlineMs: Date.now() + 40 * 86_400_000 });
  t.match(await failureOf(call), { code: status.NOT_FOUND });
});

t.test('a server that breaks the protocol is unavailable, says the failure why, and is left', async (t) => {
  const port = await serveRaw(t, (socket) => {
    socket.once('data', () =>
      socket.write(Buffer.concat([encodeSettings([]), encodeFrame(Frame.pushPromise, 4, 1, Buffer.alloc(4))])),
    );
  });
  const connection = open(t, port);
  t.match(await failureOf(ask(connection)), {
    code: status.UNAVAILABLE,
    details: 'connection lost: got PUSH_PROMISE, which was forbidden',
  });
  t.equal(connection.isUsable, false);
});

t.test('a server that neither reads nor speaks is hung up on', async (t) => {
  let onSocket: (socket: TLSSocket) => void = () => {};
  const arrived = new Promise<TLSSocket>((resolve) => {
    onSocket = resolve;
  });
  const connection = open(t, await serveRaw(t, (socket) => onSocket(socket.pause())));
  const call = failureOf(connection.unary(ECHO, Buffer.alloc(60_000), { deadlineMs: soon() }));
  const socket = await arrived;
  connection.close();
  t.match(await call, { code: status.CANCELLED });
  socket.resume();
  await once(socket, 'close');
});
