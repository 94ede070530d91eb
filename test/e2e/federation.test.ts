import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type ServerOptions } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import { freePorts } from '../../src/demo/free-ports.js';
import { until } from '../../src/demo/polling.js';
import { ecKeys } from '../hotpath/pki.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { PATIENCE_MS } from '../support/patience.js';
import { realEnvoys } from '../support/real-envoy.js';
import { address, secret, startSdsEnvoy, TLS } from '../support/sds-envoy.js';
import { shortDir } from '../support/short-dir.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';
import { SidecertProcess } from '../support/sidecert-process.js';
import { spiffeBundle } from '../support/spiffe-bundle.js';
import { TestCa } from '../support/test-ca.js';
import { TokenIssuer } from '../support/test-tokens.js';

const ECHO = {
  name: 'envoy.filters.network.echo',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo' },
};

/** Shows the SVID, and lets each trust domain in by its own roots. */
const spiffeTls = (kind: 'Upstream' | 'Downstream') => ({
  name: 'envoy.transport_sockets.tls',
  typed_config: {
    '@type': `${TLS}.${kind}TlsContext`,
    ...(kind === 'Downstream' && { require_client_certificate: true }),
    common_tls_context: {
      tls_certificate_sds_secret_configs: [secret('default')],
      validation_context_sds_secret_config: secret('ALL'),
    },
  },
});

/** Chain and key of a leaf with these names. */
function leafOf(ca: TestCa, names: { uris?: string[]; dnsNames?: string[] }) {
  const keys = ecKeys();
  return { cert: ca.leaf(keys, names), key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

/** A bundle endpoint; `document` says what it gives, and is away without one. */
async function bundleEndpoint(t: Test, shown: ServerOptions, document: () => Buffer | undefined): Promise<string> {
  const server = createServer(shown, (_request, response) => {
    const body = document();
    response.writeHead(body === undefined ? 503 : 200).end(body);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `https://localhost:${(server.address() as AddressInfo).port}/bundle.json`;
}

/** Whether what is said at this port comes back. */
function echoes(port: number, client?: { cert: Buffer; key: string | Buffer }): Promise<boolean> {
  return new Promise((resolve) => {
    const at = { port, host: '127.0.0.1' };
    const socket = client === undefined ? connect(at) : connectTls({ ...at, ...client, rejectUnauthorized: false });
    const end = (came: boolean) => (): void => {
      socket.destroy();
      resolve(came);
    };
    socket.on('data', end(true)).on('error', end(false)).on('close', end(false));
    socket.write('hello');
  });
}

for (const { name, path, skip } of realEnvoys())
  t.test(`${name} talks across two trust domains by their bundle endpoints`, { skip, timeout: 250_000 }, async (t) => {
    const directory = shortDir(t);
    const file = (name: string, content: string | Buffer): string => {
      writeFileSync(join(directory, name), content);
      return join(directory, name);
    };
    const [caA, caB, webCa] = [await FakeCaServer.start(t), await FakeCaServer.start(t), TestCa.root('web')];
    caA.identityOf = () => 'spiffe://a.example/ns/foo/sa/sleep';
    caB.identityOf = () => 'spiffe://b.example/ns/foo/sa/sleep';
    const oldRootB = TestCa.root('old root of b');

    // B has been given to A by its old root; its leaves are of the new one already.
    let documentB: Buffer | undefined;
    const svid = leafOf(oldRootB, { uris: ['spiffe://b.example/bundles'] });
    const urlB = await bundleEndpoint(t, svid, () => documentB);
    const urlA = await bundleEndpoint(t, leafOf(webCa, { dnsNames: ['localhost'] }), () => spiffeBundle([caA.root]));

    const agentA = await startSidecarAgent(t, {
      ca: caA,
      flags: {
        'trust-domain': 'a.example',
        'federated-bundle': `b.example=${file('b.pem', oldRootB.certificatePem)}`,
        'federated-endpoint': `b.example=${urlB}`,
        'federated-endpoint-id': 'b.example=spiffe://b.example/bundles',
      },
    });
    const socketB = join(directory, 'b.sock');
    const agentB = new SidecertProcess(
      t,
      [
        ...['agent', '--socket', socketB, '--trust-domain', 'b.example', '--ca-address', caB.address],
        ...['--ca-root', file('root-b.pem', caB.rootPem), '--federated-endpoint', `a.example=${urlA}`],
        ...['--token-file', file('token', await new TokenIssuer().token()), '--namespace', 'foo'],
        ...['--service-account', 'sleep', '--status-address', join(directory, 'status.sock')],
      ],
      { env: { NODE_EXTRA_CA_CERTS: file('web.pem', webCa.certificatePem) } },
    );
    await agentB.says('"federated bundle fetched"');

    const [adminA = 0, adminB = 0, portA = 0, portB = 0] = await freePorts(4);
    await startSdsEnvoy(t, {
      ...{ path, admin: adminB, socket: socketB },
      listeners: [
        { address: address(portB), filter_chains: [{ transport_socket: spiffeTls('Downstream'), filters: [ECHO] }] },
      ],
    });
    const proxy = {
      name: 'envoy.filters.network.tcp_proxy',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
        ...{ stat_prefix: 'b', cluster: 'b' },
      },
    };
    const endpoint = { endpoint: { address: address(portB) } };
    const stats = await startSdsEnvoy(t, {
      ...{ path, admin: adminA, socket: agentA.socket },
      listeners: [{ address: address(portA), filter_chains: [{ filters: [proxy] }] }],
      clusters: [
        {
          ...{ name: 'b', type: 'STATIC', connect_timeout: '5s', transport_socket: spiffeTls('Upstream') },
          load_assignment: { cluster_name: 'b', endpoints: [{ lb_endpoints: [endpoint] }] },
        },
      ],
    });

    t.equal(await echoes(portA), false, 'the new root of B is not known to A yet');
    documentB = spiffeBundle([oldRootB, caB.root], { sequence: 2 });
    await until('A to know the new root of B', AbortSignal.timeout(PATIENCE_MS), async () =>
      (await echoes(portA)) ? true : undefined,
    );
    t.match(agentA.logger.of('federated bundle fetched'), [{ fields: { trust_domain: 'b.example', bundle_size: 2 } }]);

    const forged = leafOf(caA.root, { uris: ['spiffe://b.example/ns/foo/sa/sleep'] });
    t.equal(await echoes(portB, forged), false, 'the root of A vouches for nobody in B');
    const honest = leafOf(caA.root, { uris: ['spiffe://a.example/ns/foo/sa/other'] });
    t.equal(await echoes(portB, honest), true);
    const { body } = await stats.get('localhost', '/stats?filter=^sds');
    t.notMatch(body, /update_rejected: [1-9]/);
  });
