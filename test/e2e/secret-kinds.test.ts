import { X509Certificate } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocketOptions } from 'node:tls';
import t from 'tap';
import { freePorts } from '../../src/demo/free-ports.js';
import { ecKeys } from '../hotpath/pki.js';
import { FakeCaServer } from '../support/fake-ca-server.js';
import { ocspResponse } from '../support/ocsp-response.js';
import { realEnvoy } from '../support/real-envoy.js';
import { address, secret, startSdsEnvoy, TLS } from '../support/sds-envoy.js';
import { shortDir } from '../support/short-dir.js';
import { startSidecarAgent } from '../support/sidecar-agent.js';
import { TestCa } from '../support/test-ca.js';

const { path: envoyPath, skip } = realEnvoy();

/** A listener that echoes to whom it lets in. */
function listener(port: number, context: object) {
  const tls = { '@type': `${TLS}.DownstreamTlsContext`, require_client_certificate: true, ...context };
  return {
    address: address(port),
    filter_chains: [
      {
        transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: tls },
        filters: [
          {
            name: 'envoy.filters.network.echo',
            typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo' },
          },
        ],
      },
    ],
  };
}

/** A client's chain and key for a SPIFFE ID. */
function identity(issuer: TestCa, uri: string, chain: readonly TestCa[] = []) {
  const keys = ecKeys();
  const leaf = issuer.leaf(keys, { uris: [uri] });
  const cert = Buffer.concat([leaf, ...chain.map(({ certificatePem }) => certificatePem)]);
  return { leaf, cert, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}

interface Answer {
  readonly isLetIn: boolean;
  readonly staple: Buffer | undefined;
}

/** In TLS 1.3 a refusal comes after the client's side is done, so only an echo counts. */
function probe(port: number, client?: { cert: Buffer; key: string | Buffer }): Promise<Answer> {
  return new Promise((resolve) => {
    let staple: Buffer | undefined;
    // `connect` takes the option, and its types do not know it.
    const options: ConnectionOptions & Pick<TLSSocketOptions, 'requestOCSP'> = {
      ...{ port, host: '127.0.0.1', rejectUnauthorized: false, requestOCSP: true },
      ...client,
    };
    const socket = connect(options);
    const end = (isLetIn: boolean): void => {
      socket.destroy();
      resolve({ isLetIn, staple });
    };
    socket.on('OCSPResponse', (response: Buffer | null) => {
      staple = response ?? undefined;
    });
    socket.on('secureConnect', () => socket.write('hello'));
    socket.on('data', () => end(true));
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
  });
}

t.test('a real Envoy takes every kind of secret, and does what it is for', { skip, timeout: 250_000 }, async (t) => {
  const ca = await FakeCaServer.start(t);
  const chain = [ca.intermediate];
  const other = TestCa.root('other root');
  const mine = identity(ca.intermediate, 'spiffe://cluster.local/ns/foo/sa/client', chain);
  const revoked = identity(ca.intermediate, 'spiffe://cluster.local/ns/foo/sa/revoked', chain);
  const foreign = identity(other, 'spiffe://other.example/client');
  const forged = identity(other, 'spiffe://cluster.local/ns/foo/sa/client');
  const directory = shortDir(t);
  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  mkdirSync(join(directory, 'certs'));
  const server = ca.intermediate.server();
  const staple = ocspResponse(t, ca.intermediate, server.certPem);
  file('certs/tls.crt.ocsp', staple);
  const fileName = `file-cert:${file('certs/tls.crt', server.certPem)}~${file('certs/tls.key', server.keyPem)}`;
  const crl = `${ca.root.revocationList()}${ca.intermediate.revocationList(new X509Certificate(revoked.leaf))}`;
  const { socket } = await startSidecarAgent(t, {
    ca,
    flags: {
      'federated-bundle': `other.example=${file('other.pem', other.certificatePem)}`,
      'session-ticket-keys-name': 'tickets',
      crl: file('crl.pem', crl),
      'secret-dir': join(directory, 'certs'),
    },
  });
  const [admin = 0, spiffe = 0, files = 0] = await freePorts(3);
  const stats = await startSdsEnvoy(t, {
    ...{ path: envoyPath, admin, socket },
    listeners: [
      listener(spiffe, {
        common_tls_context: {
          tls_certificate_sds_secret_configs: [secret('default')],
          validation_context_sds_secret_config: secret('ALL'),
        },
      }),
      listener(files, {
        ocsp_staple_policy: 'MUST_STAPLE',
        session_ticket_keys_sds_secret_config: secret('tickets'),
        common_tls_context: {
          tls_certificate_sds_secret_configs: [secret(fileName)],
          validation_context_sds_secret_config: secret('ROOTCA'),
        },
      }),
    ],
  });

  await t.test('row 44: ALL lets in each domain by its own roots, and nobody else', async (t) => {
    t.equal((await probe(spiffe, mine)).isLetIn, true);
    t.equal((await probe(spiffe, foreign)).isLetIn, true);
    t.equal((await probe(spiffe, forged)).isLetIn, false, 'a root vouches for no other domain');
    t.equal((await probe(spiffe)).isLetIn, false, 'nobody without a certificate');
  });

  await t.test('files, staple, ticket keys and revocations are in use', async (t) => {
    const answer = await probe(files, mine);
    t.equal(answer.isLetIn, true);
    t.same(answer.staple, staple);
    t.equal((await probe(files, revoked)).isLetIn, false, 'a revoked leaf is refused');
    t.equal((await probe(files, foreign)).isLetIn, false);
  });

  await t.test('none was rejected', async (t) => {
    const { body } = await stats.get('localhost', '/stats?filter=^sds');
    t.match(body, /update_success/);
    for (const name of ['default', 'ALL', 'tickets', 'ROOTCA']) {
      t.match(body, new RegExp(`sds\\.${name}\\.update_success: 1`), name);
    }
    t.notMatch(body, /update_rejected: [1-9]/);
  });
});
