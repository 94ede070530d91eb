import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { addHealthMethods, createGrpcServer, openGrpcClient } from '../../../src/net/grpc/index.js';
import { listenTls, type TlsCertificate, wiresOf } from '../../../src/net/transport/index.js';
import { type Logger, silentLogger } from '../../../src/telemetry/index.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { shortDir } from '../../support/short-dir.js';
import { Written } from '../../support/written.js';

const HEALTH = '/grpc.health.v1.Health/Check';

/** A self-signed certificate for `localhost` and 127.0.0.1, made by the openssl command. */
function certificate(t: Test): { certPem: Buffer; keyPem: Buffer } {
  const directory = shortDir(t);
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
      ...['-subj', '/CN=test', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert],
    ],
    { stdio: 'ignore' },
  );
  return { certPem: readFileSync(cert), keyPem: readFileSync(key) };
}

async function serve(
  t: Test,
  serverCertificate: TlsCertificate,
  { handshakeTimeoutMs = PATIENCE_MS, logger = silentLogger }: { handshakeTimeoutMs?: number; logger?: Logger } = {},
) {
  const server = createGrpcServer({ logger: silentLogger, maxReceiveBytes: 1000, maxConcurrentStreams: 100 });
  addHealthMethods(server, () => true);
  const listener = await listenTls({
    ...{ host: '127.0.0.1', port: 0, backlog: 128, logger, handshakeTimeoutMs },
    certificate: serverCertificate,
    onSocket: wiresOf((wire) => server.attach(wire)),
  });
  t.teardown(async () => {
    await listener.close();
    await server.close(0);
  });
  return { listener, port: Number(listener.address.split(':').at(-1)) };
}

function check(t: Test, tls: { address: string; rootPem: Buffer; serverName?: string }): Promise<Buffer> {
  const channel = openGrpcClient(tls);
  t.teardown(() => channel.close());
  return channel.unary(HEALTH, Buffer.alloc(0), { deadlineMs: Date.now() + PATIENCE_MS });
}

/** The outcome of one handshake: the connected socket, or what went wrong. */
function handshake(port: number, options: object): Promise<TLSSocket | Error> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', resolve);
  });
}

t.test('a channel reaches it by address, by name, and by another name for it', async (t) => {
  const made = certificate(t);
  const { port } = await serve(t, made);
  const rootPem = made.certPem;
  await check(t, { address: `127.0.0.1:${port}`, rootPem });
  await check(t, { address: `localhost:${port}`, rootPem });
  await check(t, { address: `127.0.0.1:${port}`, rootPem, serverName: 'localhost' });
});

t.test('a channel trusts its own roots only, and only the name it asked for', async (t) => {
  const made = certificate(t);
  const { port } = await serve(t, made);
  const address = `127.0.0.1:${port}`;
  await t.rejects(check(t, { address, rootPem: certificate(t).certPem }), { code: status.UNAVAILABLE });
  await t.rejects(check(t, { address, rootPem: made.certPem, serverName: 'istiod.test' }), {
    code: status.UNAVAILABLE,
  });
});

t.test('a new certificate serves new handshakes, a broken one is refused and changes nothing', async (t) => {
  const [old, renewed] = [certificate(t), certificate(t)];
  const { listener, port } = await serve(t, old);
  const address = `127.0.0.1:${port}`;
  await check(t, { address, rootPem: old.certPem });
  listener.setCertificate(renewed);
  await check(t, { address, rootPem: renewed.certPem });
  const mismatch = { certPem: old.certPem, keyPem: renewed.keyPem };
  t.throws(() => listener.setCertificate(mismatch), { code: 'ERR_LISTEN_FAILED' });
  await check(t, { address, rootPem: renewed.certPem });
});

t.test('a listener of HTTP/1.1 takes peers that offer it or nothing, once it has a certificate', async (t) => {
  const taken: (string | false | null)[] = [];
  const listener = await listenTls({
    ...{ host: '127.0.0.1', port: 0, backlog: 128, logger: silentLogger, handshakeTimeoutMs: PATIENCE_MS },
    protocol: 'http/1.1',
    onSocket(socket) {
      taken.push(socket.alpnProtocol);
      socket.end('taken');
    },
  });
  t.teardown(() => listener.close());
  const port = Number(listener.address.split(':').at(-1));
  t.type(await handshake(port, {}), Error, 'before there is one');
  listener.setCertificate(certificate(t));
  for (const ALPNProtocols of [['h2', 'http/1.1'], ['http/1.1'], undefined]) {
    const socket = await handshake(port, { ALPNProtocols });
    await once(socket as TLSSocket, 'data');
  }
  t.strictSame(taken, ['http/1.1', 'http/1.1', false]);
  t.type(await handshake(port, { ALPNProtocols: ['h2'] }), Error);
});

t.test('TLS 1.2 and 1.3 with h2 are served; TLS 1.1, another protocol and none are not', async (t) => {
  const { port } = await serve(t, certificate(t));
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    const options = { minVersion: version, maxVersion: version, ALPNProtocols: ['h2'] };
    const socket = await handshake(port, options);
    t.match(socket, { alpnProtocol: 'h2' }, version);
    (socket as TLSSocket).destroy();
  }
  t.type(await handshake(port, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ALPNProtocols: ['h2'] }), Error);
  t.type(await handshake(port, { ALPNProtocols: ['http/1.1'] }), Error);
  const silent = await handshake(port, {});
  await new Promise((resolve) => (silent as TLSSocket).once('close', resolve).resume());
});

t.test('a renegotiation of TLS 1.2 is refused, and nothing is computed for it', async (t) => {
  const { port } = await serve(t, certificate(t));
  const client = spawn('openssl', ['s_client', '-tls1_2', '-alpn', 'h2', '-connect', `127.0.0.1:${port}`], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  t.teardown(() => client.kill());
  const [out, err] = [new Written(client.stdout, 'openssl'), new Written(client.stderr, 'openssl, stderr')];
  await out.line('ALPN protocol: h2');
  await out.line('Verify return code');
  client.stdin.write('R\n');
  await err.line('RENEGOTIATING');
  await err.line('no renegotiation');
});

t.test('close cuts off handshakes under way, and a peer that never starts one is cut off in time', async (t) => {
  const closing = await serve(t, certificate(t));
  const idle = connectTcp(closing.port, '127.0.0.1');
  await new Promise((resolve) => idle.once('connect', resolve));
  await handshake(closing.port, { ALPNProtocols: ['h2'] }).then((socket) => (socket as TLSSocket).destroy());
  const closed = new Promise((resolve) => idle.once('close', resolve).resume());
  await closing.listener.close();
  await closed;
  const hasty = await serve(t, certificate(t), { handshakeTimeoutMs: 20 });
  await new Promise((resolve) => connectTcp(hasty.port, '127.0.0.1').once('close', resolve).resume());
});

t.test('of more handshakes than there may be the oldest ends, and whoever comes meanwhile is served', async (t) => {
  const made = certificate(t);
  const { port } = await serve(t, made);
  const stalled: Socket[] = [];
  const closed: Promise<unknown>[] = [];
  for (let count = 0; count < 1034; count += 1) {
    const socket = connectTcp(port, '127.0.0.1').on('error', () => {});
    t.teardown(() => socket.destroy());
    closed.push(new Promise((resolve) => socket.once('close', resolve).resume()));
    await new Promise((resolve) => socket.once('connect', resolve));
    stalled.push(socket);
  }
  await check(t, { address: `127.0.0.1:${port}`, rootPem: made.certPem });
  await Promise.all(closed.slice(0, 11));
  t.ok(stalled.slice(11).every((socket) => !socket.destroyed));
});

t.test('what cannot be listened on or with is told', async (t) => {
  const made = certificate(t);
  const { port } = await serve(t, made);
  const options = {
    host: '127.0.0.1',
    port,
    backlog: 1,
    onSocket: () => {},
    handshakeTimeoutMs: 1,
    logger: silentLogger,
  };
  await t.rejects(listenTls({ ...options, certificate: made }), {
    code: 'ERR_LISTEN_FAILED',
    cause: { code: 'EADDRINUSE' },
  });
  await t.rejects(listenTls({ ...options, certificate: { certPem: 'no', keyPem: 'no' } }), {
    code: 'ERR_LISTEN_FAILED',
  });
});

t.test('what is wrong with a handshake is told once a minute, and a peer that goes in the middle is not', async (t) => {
  const logger = new RecordingLogger();
  const { port } = await serve(t, certificate(t), { logger });
  const send = async (bytes: string): Promise<void> => {
    const socket = connectTcp(port, '127.0.0.1').on('error', () => {});
    socket.write(bytes);
    socket.resume();
    await once(socket, 'close');
  };
  for (const bytes of ['', '\x16\x03\x01']) {
    const probe = connectTcp(port, '127.0.0.1').end(bytes);
    await once(probe.resume(), 'close');
  }
  for (let time = 0; time < 5; time++) await send('GET /status HTTP/1.1\r\nHost: x\r\n\r\n');
  await send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const old = await handshake(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
  t.ok(old instanceof Error);
  const isTold = ({ level }: { level: string }): boolean => level === 'warn';
  const told = () => logger.of('tls handshake failed').filter(isTold);
  for (let line = 1; told().length < 3; line++) await logger.until('tls handshake failed', line);
  t.match(
    told().map(({ fields }) => fields.reason),
    ['got plain HTTP/1.1, expected TLS', /^got what is no TLS/, 'unsupported protocol'],
  );
  t.equal(told()[0]?.fields.address, '127.0.0.1');
});
