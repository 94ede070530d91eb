import t, { type Test } from 'tap';
import type { EnvoyObject } from '../../src/envoy-bootstrap/envoy-values.js';
import { BackendApp } from '../support/backend-app.js';
import { type ExplainedAgent, explain, startExplainedAgent } from '../support/explained-agents.js';
import { askMtls } from '../support/mtls-client.js';
import { oddKeys } from '../support/odd-certificates.js';
import { realEnvoy } from '../support/real-envoy.js';
import { type EnvoyFiles, envoyFiles, RunningEnvoy, sidecarBootstrap } from '../support/running-envoy.js';
import { shortDir } from '../support/short-dir.js';
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
  return { a, b, filesA, filesB };
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
] as const;

for (const { name, changes, status, says } of cases) {
  t.test(`real Envoys explained: ${name}`, { skip }, async (t) => {
    const { a, b, filesA, filesB } = await startScene(t, changes);
    const answer = await askUnix(filesA.outbound, '/', { host: 'httpbin' });
    t.equal(answer.status, status, answer.body);
    const { code, out, err } = await explain(t, a, b, '--a-envoy', filesA.admin, '--b-envoy', filesB.admin);
    t.equal(code, status === 200 ? 0 : 1, err);
    t.match(out, says);
    t.match(out, /ok {4}Envoy A {7}holds the newest certificate of A/);
    t.match(out, /ok {4}Envoy B {7}holds the newest bundle of B/);
  });
}

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
