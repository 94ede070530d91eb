import type { TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import { addHealthMethods, createGrpcServer, openGrpcClient } from '../../../src/net/grpc/index.js';
import { listenTls, wiresOf } from '../../../src/net/transport/index.js';
import { silentLogger } from '../../../src/telemetry/index.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { collectWarnings } from '../../support/process-warnings.js';
import { LOOPBACK_V4, TestCa } from '../../support/test-ca.js';

const HEALTH = '/grpc.health.v1.Health/Check';

const ca = TestCa.root();

/** A server on a loopback address, and the server names (SNI) that its clients have sent. */
async function serve(t: Test, certificate = ca.server(), host = '127.0.0.1') {
  const names: (string | false | null)[] = [];
  const server = createGrpcServer({ logger: silentLogger, maxReceiveBytes: 1000, maxConcurrentStreams: 100 });
  addHealthMethods(server, () => true);
  const attach = wiresOf((wire) => server.attach(wire));
  const listener = await listenTls({
    ...{ host, port: 0, backlog: 128, logger: silentLogger, handshakeTimeoutMs: PATIENCE_MS, certificate },
    onSocket: (socket: TLSSocket & { servername?: string | false | null }) => {
      names.push(socket.servername ?? false);
      attach(socket);
    },
  });
  t.teardown(async () => {
    await listener.close();
    await server.close(0);
  });
  return { names, port: Number(listener.address.split(':').at(-1)) };
}

interface Dial {
  readonly address: string;
  readonly serverName?: string;
  readonly rootPem?: Buffer;
}

function check(t: Test, { rootPem = ca.certificatePem, ...dial }: Dial): Promise<Buffer> {
  const channel = openGrpcClient({ rootPem, ...dial });
  t.teardown(() => channel.close());
  return channel.unary(HEALTH, Buffer.alloc(0), { deadlineMs: Date.now() + PATIENCE_MS });
}

const sent = [
  { name: 'an IPv4 address is not sent as server name', host: '127.0.0.1', dialled: '127.0.0.1', want: false },
  { name: 'an IPv6 address is not sent as server name', host: '::1', dialled: '[::1]', want: false },
  {
    ...{ name: 'an address given as server name is not sent', host: '127.0.0.1', dialled: 'localhost' },
    ...{ serverName: '127.0.0.1', want: false },
  },
  { name: 'a name is sent', host: '127.0.0.1', dialled: 'localhost', want: 'localhost' },
  {
    ...{ name: 'a server name is sent in place of the address', host: '127.0.0.1', dialled: '127.0.0.1' },
    ...{ serverName: 'localhost', want: 'localhost' },
  },
] as const;

for (const { name, host, dialled, want, ...more } of sent) {
  t.test(`${name}, and Node has nothing to warn of`, async (t) => {
    const warnings = collectWarnings(t);
    const { names, port } = await serve(t, ca.server(), host);
    await check(t, { address: `${dialled}:${port}`, ...more });
    // Node gives a warning with the next tick.
    await new Promise((resolve) => setImmediate(resolve));
    t.same(names, [want]);
    t.same(warnings, []);
  });
}

const wrong = [
  { name: 'for another address', certificate: ca.server({ ipAddresses: [[10, 0, 0, 1]] }), says: /altnames|IP: 127/ },
  { name: 'for names only', certificate: ca.server({ ipAddresses: [] }), says: /altnames|IP: 127/ },
  {
    name: 'with the address as a DNS name',
    certificate: ca.server({ ipAddresses: [], dnsNames: ['127.0.0.1'] }),
    says: /altnames|IP: 127/,
  },
  { name: 'of another CA', certificate: TestCa.root().server(), says: /self-signed|signature|issuer/ },
  {
    name: 'that has ended',
    certificate: ca.server({ notBeforeMs: Date.now() - 7_200_000, notAfterMs: Date.now() - 3_600_000 }),
    says: /expired/,
  },
] as const;

for (const { name, certificate, says } of wrong) {
  t.test(`a server at an address with a certificate ${name} is refused`, async (t) => {
    const { port } = await serve(t, certificate);
    await t.rejects(check(t, { address: `127.0.0.1:${port}` }), { code: status.UNAVAILABLE, details: says });
  });
}

t.test('no variable of the environment switches the check off', async (t) => {
  const { NODE_TLS_REJECT_UNAUTHORIZED: before } = process.env;
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  t.teardown(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
  });
  const { port } = await serve(t, ca.server({ ipAddresses: [LOOPBACK_V4] }));
  await check(t, { address: `127.0.0.1:${port}` });
  for (const { certificate } of wrong) {
    const bad = await serve(t, certificate);
    await t.rejects(check(t, { address: `127.0.0.1:${bad.port}` }), { code: status.UNAVAILABLE });
  }
});

t.test('two calls to an address share one connection', async (t) => {
  const { names, port } = await serve(t);
  const channel = openGrpcClient({ rootPem: ca.certificatePem, address: `127.0.0.1:${port}` });
  t.teardown(() => channel.close());
  const call = () => channel.unary(HEALTH, Buffer.alloc(0), { deadlineMs: Date.now() + PATIENCE_MS });
  await call();
  await call();
  t.equal(names.length, 1);
});
