import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { until } from '../../src/demo/polling.js';
import type { EnvoyObject } from '../../src/envoy-bootstrap/envoy-values.js';
import { BackendApp } from '../support/backend-app.js';
import { type ExplainedAgent, explain, startExplainedAgent } from '../support/explained-agents.js';
import { askMtls } from '../support/mtls-client.js';
import { oddKeys } from '../support/odd-certificates.js';
import { realEnvoy } from '../support/real-envoy.js';
import { type EnvoyFiles, envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { shortDir } from '../support/short-dir.js';
import { runSidecert } from '../support/sidecert-process.js';
import { TestCa } from '../support/test-ca.js';
import { askUnix } from '../support/unix-http.js';

const { path, skip } = realEnvoy();

const SLEEP = 'spiffe://cluster.local/ns/foo/sa/sleep';
const HTTPBIN = 'spiffe://cluster.local/ns/foo/sa/httpbin';

interface Scene {
  readonly a: ExplainedAgent;
  readonly b: ExplainedAgent;
  readonly filesA: EnvoyFiles;
  readonly filesB: EnvoyFiles;
}

interface Changes {
  /** Which client the server lets in. */
  readonly allowed?: string;
  /** Which server the client expects. */
  readonly expected?: string;
  /** Of the bootstrap of the client, and of the server. */
  readonly spoilA?: (text: string) => string;
  readonly spoilB?: (text: string) => string;
}

/** A client and a server, each a real Envoy behind an agent of its own. */
async function startScene(t: Test, { allowed = SLEEP, expected = HTTPBIN, ...spoil }: Changes): Promise<Scene> {
  const ca = TestCa.root();
  const [a, b] = await Promise.all([
    startExplainedAgent(t, { ca, uri: SLEEP }),
    startExplainedAgent(t, { ca, uri: HTTPBIN }),
  ]);
  const [filesA, filesB] = [envoyFiles(shortDir(t)), envoyFiles(shortDir(t))];
  await BackendApp.start(t, filesB.app);
  const server = sidecarBootstrap(filesB, {
    ...{ socketPath: b.socket, nodeId: 'httpbin-1' },
    inbound: {
      address: { path: filesB.inbound },
      app: { path: filesB.app },
      allowedSans: [{ kind: 'exact', value: allowed }],
    },
  });
  const client = sidecarBootstrap(filesA, {
    ...{ socketPath: a.socket, nodeId: 'sleep-1', inbound: undefined },
    outbound: {
      address: { path: filesA.outbound },
      upstreams: [{ name: 'httpbin', address: { path: filesB.inbound }, spiffeId: expected }],
    },
  });
  const { spoilA = same, spoilB = same } = spoil;
  const started = await Promise.all([
    RunningEnvoy.start(t, { path, files: filesA, bootstrap: changed(client, spoilA) }),
    RunningEnvoy.start(t, { path, files: filesB, bootstrap: changed(server, spoilB) }),
  ]);
  await Promise.all(started.map((envoy) => envoy.ready()));
  await Promise.all([a, b].map(({ page }) => untilAcked(page)));
  return { a, b, filesA, filesB };
}

/** An Envoy may be ready before its agent has read its last ACK. */
function untilAcked(page: string): Promise<boolean> {
  return until('all ACKs', AbortSignal.timeout(60_000), async () => {
    const { body } = await askUnix(page, '/status');
    return !/"state": "(?:unanswered|waiting)"/.test(body) || undefined;
  });
}

const same = (text: string): string => text;

function changed(bootstrap: EnvoyObject, spoil: (text: string) => string): EnvoyObject {
  return JSON.parse(spoil(JSON.stringify(bootstrap)));
}

const cases = [
  { name: 'a good pair', changes: {}, status: 200, says: /^no rule fails/m },
  {
    name: 'a server that lets another client in',
    changes: { allowed: 'spiffe://cluster.local/ns/foo/sa/other' },
    status: 503,
    says: /^The first rule that fails, where B verifies A: SAN\n.*B's Envoy accepts URI exact spiffe:\/\/cluster.local\/ns\/foo\/sa\/other\n/m,
  },
  {
    name: 'a client that expects another server',
    changes: { expected: 'spiffe://cluster.local/ns/foo/sa/httpbim' },
    status: 503,
    says: /^The first rule that fails, where A verifies B: SAN\n.*A's Envoy accepts URI exact \S+httpbim\n/m,
  },
  {
    name: 'versions of TLS that do not overlap',
    changes: {
      spoilA: (text: string) =>
        text.replaceAll('"tls_minimum_protocol_version":"TLSv1_2"', '"tls_maximum_protocol_version":"TLSv1_2"'),
      spoilB: (text: string) => text.replaceAll('TLSv1_2', 'TLSv1_3'),
    },
    status: 503,
    says: /^The first rule that fails, for both: TLS version$/m,
  },
  {
    name: 'a client with the newest version by default, and a server of a newer one',
    changes: { spoilB: (text: string) => text.replaceAll('TLSv1_2', 'TLSv1_3') },
    status: 503,
    says: /^The first rule that fails, for both: TLS version\n.*A's Envoy: TLSv1_2 to TLSv1_2 /m,
  },
  {
    name: 'cipher suites that do not overlap',
    changes: {
      spoilA: withParams({ tls_maximum_protocol_version: 'TLSv1_2', cipher_suites: ['ECDHE-ECDSA-AES128-GCM-SHA256'] }),
      spoilB: withParams({ tls_maximum_protocol_version: 'TLSv1_2', cipher_suites: ['ECDHE-ECDSA-AES256-GCM-SHA384'] }),
    },
    status: 503,
    says: /^The first rule that fails, for both: cipher suite$/m,
  },
  {
    name: 'cipher suites for RSA alone, where the key is EC',
    changes: {
      spoilA: withParams({ tls_maximum_protocol_version: 'TLSv1_2' }),
      spoilB: withParams({
        tls_maximum_protocol_version: 'TLSv1_2',
        cipher_suites: ['ECDHE-RSA-AES128-GCM-SHA256'],
      }),
    },
    status: 503,
    says: /^The first rule that fails, for both: cipher suite$/m,
  },
  {
    name: 'curves that do not overlap',
    changes: { spoilA: withParams({ ecdh_curves: ['P-384'] }), spoilB: withParams({ ecdh_curves: ['P-256'] }) },
    status: 503,
    says: /^The first rule that fails, for both: key exchange$/m,
  },
  {
    name: 'curves of one side that are not those of Envoy by default',
    changes: { spoilB: withParams({ ecdh_curves: ['P-384'] }) },
    status: 503,
    says: /^The first rule that fails, for both: key exchange$/m,
  },
  {
    name: 'signatures that the key does not make',
    changes: { spoilB: withParams({ signature_algorithms: ['rsa_pss_rsae_sha256'] }) },
    status: 503,
    says: /^The first rule that fails, where B verifies A: key type\n.*A's key is prime256v1, .* by rsa_pss_rsae_sha256 alone/m,
  },
  {
    name: 'a filter chain for another SNI',
    changes: { spoilB: (text: string) => withChainMatch(text, { server_names: ['*.other.example'] }) },
    status: 503,
    says: /^The first rule that fails, for both: filter chain\n.*SNI \S+, ALPN .*a filter chain for SNI \*\.other\.example/m,
  },
  {
    name: 'a filter chain for another ALPN',
    changes: { spoilB: (text: string) => withChainMatch(text, { application_protocols: ['istio'] }) },
    status: 503,
    says: /^The first rule that fails, for both: filter chain$/m,
  },
  {
    name: 'application protocols that do not overlap, which end no handshake',
    changes: {
      spoilA: (text: string) => text.replace('"common_tls_context":{', '"common_tls_context":{"alpn_protocols":["x"],'),
    },
    status: 200,
    says: /WARN {2}ALPN {10}client and server have no protocol in common: x against h2 http\/1\.1/,
  },
  {
    name: 'a client that speaks plain HTTP',
    changes: { spoilA: withoutTls },
    status: 503,
    says: /^The first rule that fails, for both: transport\n.*no cluster of A's Envoy has a TLS context/m,
    isSilentA: true,
  },
  {
    name: 'a server that pins another certificate',
    changes: {
      spoilB: (text: string) =>
        text.replaceAll(
          '"default_validation_context":{',
          `"default_validation_context":{"verify_certificate_hash":["${'ab'.repeat(32)}"],`,
        ),
    },
    status: 503,
    says: /^The first rule that fails, where B verifies A: pins$/m,
  },
] as const;

/** `tls_params` of all TLS contexts. */
function withParams(params: object): (text: string) => string {
  const own = `"tls_params":${JSON.stringify(params)}`;
  return (text) => text.replaceAll('"tls_params":{"tls_minimum_protocol_version":"TLSv1_2"}', own);
}

function withChainMatch(text: string, match: object): string {
  const inspector = {
    name: 'envoy.filters.listener.tls_inspector',
    typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector' },
  };
  const bootstrap = JSON.parse(text);
  const [listener] = bootstrap.static_resources.listeners;
  listener.filter_chains[0].filter_chain_match = match;
  listener.listener_filters = [...(listener.listener_filters ?? []), inspector];
  return JSON.stringify(bootstrap);
}

/** The clusters in plain text. */
function withoutTls(text: string): string {
  const bootstrap = JSON.parse(text);
  for (const cluster of bootstrap.static_resources.clusters) delete cluster.transport_socket;
  return JSON.stringify(bootstrap);
}

for (const { name, changes, status, says, ...rest } of cases) {
  t.test(`real Envoys explained: ${name}`, { skip }, async (t) => {
    const { a, b, filesA, filesB } = await startScene(t, changes);
    const answer = await askUnix(filesA.outbound, '/', { host: 'httpbin' });
    t.equal(answer.status, status, answer.body);
    const { code, out, err } = await explain(t, a, b, '--a-envoy', filesA.admin, '--b-envoy', filesB.admin);
    t.equal(code, status === 200 ? 0 : 1, err);
    t.match(out, says);
    t.match(out, 'isSilentA' in rest ? /Envoy A {7}no Envoy/ : /ok {4}Envoy A {7}holds the newest certificate of A/);
    t.match(out, /ok {4}Envoy B {7}holds the newest bundle of B/);
  });
}

t.test('an Envoy whose agent has no page stands for it, live and from a file', { skip }, async (t) => {
  const { a, filesA, filesB } = await startScene(t, {});
  const { status, body } = await askUnix(filesB.admin, '/config_dump');
  t.equal(status, 200);
  const file = join(shortDir(t), 'dump.json');
  writeFileSync(file, body);
  for (const b of [filesB.admin, file]) {
    const { code, out, err } = await runSidecert(t, ['explain', a.page, b, '--a-envoy', filesA.admin]);
    t.equal(code, 0, out + err);
    t.match(out, /^B {2}spiffe:\/\/cluster.local\/ns\/foo\/sa\/httpbin /m);
    t.match(out, /ok {4}path {10}leads to "O=test root"/);
    t.match(out, /ok {4}SAN {11}URI:\S+sleep, DNS:sleep.test is accepted by/);
    t.notMatch(out, /PRIVATE KEY/);
  }
  const foreign = await startExplainedAgent(t, { ca: TestCa.root('other root'), uri: SLEEP });
  const { code, out } = await runSidecert(t, ['explain', foreign.page, file]);
  t.equal(code, 1);
  t.match(out, /^The first rule that fails, where B verifies A: path$/m);
  t.match(out, /A's certificate is of root "O=other root" .* which B's bundle does not have/);
});

t.test('a real Envoy verifies no key of the kinds that are warned of', { skip }, async (t) => {
  const ca = TestCa.root();
  const b = await startExplainedAgent(t, { ca, uri: HTTPBIN });
  const files = envoyFiles(shortDir(t));
  await BackendApp.start(t, files.app);
  const envoy = await RunningEnvoy.start(t, {
    path,
    files,
    bootstrap: sidecarBootstrap(files, { socketPath: b.socket }),
  });
  await envoy.ready();
  for (const [kind, outcome] of [
    ['p256', 'answered'],
    ['p384', 'answered'],
    ['p521', 'refused'],
    ['ed25519', 'refused'],
  ] as const) {
    const keys = oddKeys(kind);
    const key = Buffer.from(keys.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const cert = ca.leaf(keys, { uris: [SLEEP] });
    t.equal((await askMtls(files.inbound, { cert, key, trusts: ca.certificatePem })).kind, outcome, kind);
  }
});
