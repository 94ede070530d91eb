import { once } from 'node:events';
import { statSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { type StatusServerOptions, startStatusServer } from '../../src/status/index.js';
import { silentLogger } from '../../src/telemetry/index.js';
import { shortDir } from '../support/short-dir.js';

const LIVE = 'GET /healthz/live HTTP/1.1\r\nHost: localhost\r\n\r\n';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

/** The pages with little on them, for the time of a test. */
async function serve(t: Test, options: Partial<StatusServerOptions> = {}) {
  const content = { notReady: () => undefined, metrics: () => [], status: () => ({ ok: true }) };
  const server = await startStatusServer({ address: LOOPBACK, content, logger: silentLogger, ...options });
  t.teardown(() => server.close());
  return server;
}

function dial(t: Test, address: string): Socket {
  const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
  t.teardown(() => socket.destroy());
  return socket;
}

/** All that comes back for these bytes, until the other end closes. */
async function answerTo(t: Test, address: string, bytes: string): Promise<string> {
  const socket = dial(t, address);
  socket.write(bytes);
  return text(socket);
}

t.test('a page over TCP ends its connection, and tells caches and browsers to leave it alone', async (t) => {
  const { address } = await serve(t);
  t.match(address, /^127\.0\.0\.1:\d+$/);
  const answer = await answerTo(t, address, 'GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n');
  t.match(answer, /^HTTP\/1\.1 200 OK\r\ncontent-type: application\/json\r\n/);
  for (const header of ['cache-control: no-store', 'x-content-type-options: nosniff', 'connection: close']) {
    t.match(answer, header);
  }
  t.notMatch(answer, /access-control/i, 'no other origin may read it');
  t.match(answer, /\r\n\r\n\{\n {2}"ok": true\n\}\n$/);
});

t.test('HEAD has the headers alone, another method is told which there are', async (t) => {
  const { address } = await serve(t);
  const head = await answerTo(t, address, 'HEAD /status HTTP/1.1\r\nHost: localhost\r\n\r\n');
  t.match(head, /200 OK[\s\S]*content-length: 17\r\n[\s\S]*\r\n\r\n$/);
  const post = await answerTo(t, address, 'POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n');
  t.match(post, /405 Method Not Allowed[\s\S]*allow: GET, HEAD/);
});

t.test('a body is refused, whichever way it is announced', async (t) => {
  const { address } = await serve(t);
  for (const header of ['Content-Length: 5', 'Transfer-Encoding: chunked']) {
    t.match(
      await answerTo(t, address, `GET /status HTTP/1.1\r\nHost: localhost\r\n${header}\r\n\r\n`),
      /^HTTP\/1\.1 413/,
    );
  }
});

t.test('headers above 8 kB and what is no HTTP are refused', async (t) => {
  const { address } = await serve(t);
  t.match(await answerTo(t, address, `GET / HTTP/1.1\r\nA: ${'a'.repeat(9000)}\r\n\r\n`), /^HTTP\/1\.1 431/);
  t.match(await answerTo(t, address, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'), /^HTTP\/1\.1 400/);
});

t.test('a peer that trickles is cut off, and the next one served', async (t) => {
  const { address } = await serve(t, { connectionLimitMs: 50 });
  t.equal(await answerTo(t, address, 'GET /stat'), '');
  t.match(await answerTo(t, address, LIVE), /200 OK/);
});

t.test('of connections above the 32nd, the oldest that asks nothing goes, and a probe is answered', async (t) => {
  const { address } = await serve(t);
  const oldest = dial(t, address);
  await once(oldest, 'connect');
  oldest.write('GET /hea');
  const ended = text(oldest);
  const silent = Array.from({ length: 40 }, () => dial(t, address));
  await Promise.all(silent.map((socket) => once(socket, 'connect')));
  t.equal(await ended, '', 'cut off');
  for (let time = 0; time < 3; time++) t.match(await answerTo(t, address, LIVE), /200 OK/);
  const left = silent.at(-1);
  left?.write(LIVE);
  t.match(left && (await text(left)), /200 OK/, 'the newest of them is still there');
});

t.test('over a Unix socket any name will do, and only user and group may connect', async (t) => {
  const socketPath = join(shortDir(t), 'status.sock');
  const { address } = await serve(t, { address: { socketPath } });
  t.equal(address, socketPath);
  t.equal(statSync(socketPath).mode & 0o777, 0o660);
  const [response] = await once(
    request({ socketPath, path: '/healthz/live', headers: { host: 'any' } }).end(),
    'response',
  );
  t.equal(await text(response), 'live\n');
});

t.test('an address that is taken is an error with a code', async (t) => {
  const { address } = await serve(t);
  const port = Number(address.split(':')[1]);
  await t.rejects(serve(t, { address: { host: '127.0.0.1', port } }), { code: 'ERR_LISTEN_FAILED' });
});

t.test('close ends who is connected, and is safe to call twice', async (t) => {
  const server = await serve(t);
  const socket = dial(t, server.address);
  await once(socket, 'connect');
  socket.on('error', () => {});
  await Promise.all([once(socket, 'close'), server.close()]);
  await server.close();
  const late = dial(t, server.address);
  const [error] = await once(late, 'error');
  t.equal(error.code, 'ECONNREFUSED');
});
