import { execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { openGrpcClient } from '../../../src/net/grpc/index.js';
import { listenTls, type TlsAgreement } from '../../../src/net/transport/index.js';
import { silentLogger } from '../../../src/telemetry/index.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { shortDir } from '../../support/short-dir.js';
import { TestCa } from '../../support/test-ca.js';
import { Written } from '../../support/written.js';

const run = promisify(execFile);
const ca = TestCa.root();

async function serve(t: Test): Promise<string> {
  const listener = await listenTls({
    ...{ host: '127.0.0.1', port: 0, backlog: 128, logger: silentLogger, handshakeTimeoutMs: PATIENCE_MS },
    ...{ certificate: ca.server(), onSocket: (socket) => socket.destroy() },
  });
  t.teardown(() => listener.close());
  return listener.address;
}

/** What openssl agrees on with our listener; `undefined` when there is no handshake. */
async function agreed(address: string, ...options: string[]): Promise<string | undefined> {
  const args = ['s_client', '-connect', address, '-alpn', 'h2', ...options];
  const client = run('openssl', args);
  client.child.stdin?.end();
  const { stdout } = await client.catch((error: { stdout: string }) => error);
  const [, version, cipher] = /New, (\S+), Cipher is (\S+)/.exec(stdout) ?? [];
  return cipher === '(NONE)' ? undefined : `${version} ${cipher}`;
}

const offers = [
  { name: 'TLS 1.3', options: ['-tls1_3'], want: 'TLSv1.3 TLS_AES_256_GCM_SHA384' },
  { name: 'TLS 1.2 as it comes', options: ['-tls1_2'], want: 'TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256' },
  {
    name: 'ChaCha20',
    options: ['-tls1_2', '-cipher', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
    want: 'TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305',
  },
  { name: 'CBC with SHA-1', options: ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA'], want: undefined },
  { name: 'CBC with SHA-256', options: ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA256'], want: undefined },
  { name: 'CBC with SHA-384', options: ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES256-SHA384'], want: undefined },
  { name: 'CCM', options: ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-CCM8'], want: undefined },
  { name: 'TLS 1.1', options: ['-tls1_1', '-cipher', 'ALL@SECLEVEL=0'], want: undefined },
] as const;

for (const { name, options, want } of offers) {
  t.test(`our listener, offered ${name} by openssl, agrees on ${want ?? 'nothing'}`, async (t) => {
    t.equal(await agreed(await serve(t), ...options), want);
  });
}

/** The port of an openssl server with these options, and what it says. */
async function opensslServer(t: Test, options: readonly string[]) {
  const directory = shortDir(t);
  const { certPem, keyPem } = ca.server();
  const file = (name: string, content: Buffer): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const files = ['-cert', file('cert.pem', certPem), '-key', file('key.pem', keyPem)];
  const server = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', '-alpn', 'h2', ...files, ...options]);
  t.teardown(() => server.kill());
  const out = new Written(server.stdout, 'the server of openssl');
  const [, port] = /ACCEPT 127\.0\.0\.1:(\d+)/.exec(await out.line('ACCEPT ')) ?? [];
  return { out, port };
}

/** What our client makes of such a server. */
async function dialled(t: Test, ...options: string[]): Promise<string> {
  const { out, port } = await opensslServer(t, options);
  const connection = openGrpcClient({ address: `127.0.0.1:${port}`, rootPem: ca.certificatePem });
  t.teardown(() => connection.close());
  const call = connection.unary('/a.B/C', Buffer.alloc(1), { deadlineMs: Date.now() + PATIENCE_MS });
  const failure = call.then(String, String);
  // It prints what was agreed on, and knows nothing of HTTP/2; whichever comes first.
  const agreement = out.line('CIPHER is ').then((line) => /CIPHER is (\S+)/.exec(line)?.[1] ?? '');
  return Promise.race([failure, agreement]);
}

t.test('our client agrees with an openssl server on a suite of ours, and on no other', async (t) => {
  t.equal(await dialled(t, '-tls1_3'), 'TLS_AES_256_GCM_SHA384');
  t.equal(await dialled(t, '-tls1_2'), 'ECDHE-ECDSA-AES128-GCM-SHA256');
  for (const cipher of ['ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA-AES256-CCM8']) {
    t.match(await dialled(t, '-tls1_2', '-cipher', cipher), /UNAVAILABLE: no connection: .*handshake failure/, cipher);
  }
});

/** What our client says that its handshake has agreed on. */
function agreementWith(t: Test, address: string): Promise<TlsAgreement> {
  return new Promise((resolve) => {
    const connection = openGrpcClient({ address, rootPem: ca.certificatePem }, { onConnected: resolve });
    t.teardown(() => connection.close());
  });
}

t.test('our client says what was agreed on: the group that an openssl server insists on', async (t) => {
  for (const [group, keyExchange] of [
    ['X25519', 'X25519'],
    ['P-256', 'prime256v1'],
    ['P-384', 'secp384r1'],
  ] as const) {
    const { port } = await opensslServer(t, ['-groups', group]);
    t.same(await agreementWith(t, `127.0.0.1:${port}`), { tlsVersion: 'TLSv1.3', keyExchange });
  }
});

/** The first OpenSSL that prefers it. */
const hasHybrid = Number.parseFloat(process.versions.openssl) >= 3.5;
const tellsHybrid = hasHybrid && !process.version.startsWith('v22.');

t.test('with OpenSSL 3.5 on both sides the key exchange is hybrid, and Node.js 24 tells it', async (t) => {
  const { keyExchange } = await agreementWith(t, await serve(t));
  t.equal(keyExchange, tellsHybrid ? 'X25519MLKEM768' : hasHybrid ? undefined : 'X25519');
});
