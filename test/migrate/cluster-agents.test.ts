import t, { type Test } from 'tap';
import { findUnusedSecrets, removeSecrets } from '../../src/migrate/clean-up.js';
import { ClusterAgents } from '../../src/migrate/cluster-agents.js';
import { FakeApiServer, type SeenRequest } from '../support/fake-api-server.js';
import { TestCa } from '../support/test-ca.js';

const OLD = TestCa.root('old root');
const FOO = '/api/v1/namespaces/foo';

/** What an agent at a step tells of itself. */
const page = (step: string): object => ({
  identities: [{ spiffe_id: 'spiffe://cluster.local/ns/foo/sa/httpbin' }],
  migration: {
    ...{ step, step_file: '/etc/sidecert/migration/step', served: 'files', held_up_by: [] },
    root_fingerprints: { served: ['a', 'b'], files: ['a'], ca: ['b'] },
    sources: { files: { svid: 'valid' } },
  },
});

interface PodOptions {
  readonly app?: string;
  readonly secret?: string;
  readonly configMap?: string;
  readonly phase?: string;
  readonly isEnding?: boolean;
}

/** An injected pod, with its Secret and the ConfigMap of its step. */
function injected(
  name: string,
  { app = name, secret = 'own', configMap = 'sidecert-migration', ...rest }: PodOptions = {},
) {
  const volumes = [
    { name: 'sidecert-identity', secret: { secretName: secret } },
    { name: 'sidecert-migration', configMap: { name: configMap } },
  ];
  return pod(name, { initContainers: [{ name: 'sidecert-agent' }], volumes }, { app, ...rest });
}

function pod(name: string, spec: object, { app = name, phase = 'Running', isEnding = false }: PodOptions = {}) {
  const ending = isEnding ? { deletionTimestamp: '2026-12-01T00:00:00Z' } : {};
  return { metadata: { name, namespace: 'foo', labels: { app }, ...ending }, spec, status: { phase } };
}

const mounts = (secretName: string): object => ({ volumes: [{ name: 'certs', secret: { secretName } }] });

interface Scene {
  readonly pods: readonly ReturnType<typeof pod>[];
  /** Of the type of former Istio. */
  readonly istioSecrets?: readonly string[];
  /** The status page of a pod; without one it does not answer. */
  readonly pages?: Readonly<Record<string, object>>;
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, Buffer>>>>;
}

/** An API server with one namespace, `foo`. */
async function clusterOf(t: Test, { pods, istioSecrets = [], pages = {}, secrets = {} }: Scene) {
  const answer = ({ method, url }: SeenRequest): object | undefined => {
    const { searchParams } = url;
    // The colon before a port is escaped.
    const pathname = decodeURIComponent(url.pathname);
    const list = (items: readonly object[]): object => ({ metadata: { resourceVersion: '1' }, items });
    const [, podName = ''] = /^.*\/pods\/([^:/]+):15020\/proxy\/status$/.exec(pathname) ?? [];
    const [, secretName = ''] = /^.*\/secrets\/([^/]+)$/.exec(pathname) ?? [];
    if (method === 'PATCH' || method === 'DELETE') return { metadata: { name: 'changed' } };
    if (podName !== '') return pages[podName];
    if (secretName !== '') {
      const data = Object.entries(secrets[secretName] ?? {}).map(([key, content]) => [key, content.toString('base64')]);
      return data.length === 0 ? undefined : { metadata: { name: secretName }, data: Object.fromEntries(data) };
    }
    if (pathname === `${FOO}/secrets`)
      return list(istioSecrets.map((name) => ({ metadata: { name, namespace: 'foo' } })));
    const [, app] = (searchParams.get('labelSelector') ?? '').split('=');
    return list(pods.filter(({ metadata }) => app === undefined || metadata.labels.app === app));
  };
  const server = await FakeApiServer.start(t, (request, response) => {
    const body = answer(request);
    response.writeHead(body === undefined ? 503 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? { kind: 'Status', message: 'connection refused' }));
  });
  return { server, client: server.client() };
}

const SET = { namespaces: ['foo'], selector: undefined, configMap: 'sidecert-migration' };

t.test('the pods of a namespace are told by what they are', async (t) => {
  const { client } = await clusterOf(t, {
    pods: [
      injected('a'),
      injected('canary', { configMap: 'canary' }),
      injected('silent'),
      injected('ending', { isEnding: true }),
      injected('done', { phase: 'Succeeded' }),
      pod('old', mounts('istio.old')),
      pod('odd', mounts('istio.odd')),
      pod('own', mounts('own')),
      pod('other', mounts('password')),
    ],
    istioSecrets: ['istio.old', 'istio.odd'],
    pages: { a: page('files'), canary: page('ca') },
    secrets: { 'istio.old': { 'root-cert.pem': OLD.certificatePem }, own: { 'ca.crt': OLD.certificatePem } },
  });
  const members = await new ClusterAgents({ ...SET, client }).members();
  t.match(members, [
    { kind: 'agent', name: 'foo/a', isPeer: false, state: { step: 'files', hasValidFiles: true } },
    { kind: 'agent', name: 'foo/canary', isPeer: true, state: { step: 'ca' } },
    { kind: 'unknown', name: 'foo/silent', reason: /^its agent gives no answer: .*get pods\/proxy foo\/silent/ },
    { kind: 'file-reader', name: 'foo/old', roots: [/^[0-9a-f]{64}$/] },
    { kind: 'file-reader', name: 'foo/odd', roots: undefined },
    { kind: 'file-reader', name: 'foo/own', roots: [/^[0-9a-f]{64}$/] },
  ]);
  t.equal(members.length, 6, 'pods that end, have ended, or have nothing to do with it are left out');
});

t.test('a selector that leaves out pods of the same ConfigMap names them', async (t) => {
  const pods = [injected('a'), injected('b'), injected('c', { configMap: 'canary' })];
  const { client } = await clusterOf(t, { pods, pages: { a: page('files'), c: page('files') } });
  const members = await new ClusterAgents({ ...SET, client, selector: 'app=a' }).members();
  t.match(members, [
    { kind: 'agent', name: 'foo/a', isPeer: false },
    { kind: 'agent', name: 'foo/c', isPeer: true },
    { kind: 'unknown', name: 'foo/b', reason: /same ConfigMap sidecert-migration, and --selector app=a leaves it out/ },
  ]);
});

t.test('a step goes into the ConfigMap, and its pods are touched so that the kubelet brings it at once', async (t) => {
  const { client, server } = await clusterOf(t, { pods: [injected('a')], pages: { a: page('files') } });
  const set = new ClusterAgents({ ...SET, client });
  const movers = (await set.members()).filter((member) => member.kind === 'agent');
  t.strictSame(await set.take('ca', movers), []);
  const patches = server.requests.filter(({ method }) => method === 'PATCH');
  t.match(
    patches.map(({ url, body }) => ({ path: url.pathname, body: JSON.parse(body) })),
    [
      { path: `${FOO}/configmaps/sidecert-migration`, body: { data: { step: 'ca\n' } } },
      { path: `${FOO}/pods/a`, body: { metadata: { annotations: { 'sidecert.dev/migration-step': 'ca' } } } },
    ],
  );
});

t.test('a ConfigMap that may not be written is told for each agent', async (t) => {
  const { client, server } = await clusterOf(t, { pods: [injected('a')], pages: { a: page('files') } });
  const set = new ClusterAgents({ ...SET, client });
  const movers = (await set.members()).filter((member) => member.kind === 'agent');
  server.answer = (_request, response) => response.writeHead(403).end('{"kind":"Status","message":"forbidden"}');
  t.match(await set.take('ca', movers), [{ name: 'foo/a', reason: /patch configmaps foo\/sidecert-migration/ }]);
});

t.test('only Secrets of former Istio that no pod uses are deleted, and their data is never asked for', async (t) => {
  const variable = { env: [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'istio.variable', key: 'key.pem' } } }] };
  const { client, server } = await clusterOf(t, {
    pods: [
      pod('mounting', mounts('istio.mounted')),
      pod('ended', mounts('istio.ended'), { phase: 'Failed' }),
      pod('reading', { containers: [{ name: 'app', ...variable }] }),
      pod('whole', { containers: [{ name: 'app', envFrom: [{ secretRef: { name: 'istio.whole' } }] }] }),
      pod('projecting', {
        volumes: [{ name: 'p', projected: { sources: [{ secret: { name: 'istio.projected' } }] } }],
      }),
    ],
    istioSecrets: ['mounted', 'ended', 'variable', 'whole', 'projected', 'unused'].map((name) => `istio.${name}`),
  });
  const found = await findUnusedSecrets(client, ['foo']);
  t.strictSame(
    found.map(({ name, usedBy }) => [name, ...usedBy]),
    [
      ['istio.mounted', 'mounting'],
      ['istio.ended'],
      ['istio.variable', 'reading'],
      ['istio.whole', 'whole'],
      ['istio.projected', 'projecting'],
      ['istio.unused'],
    ],
  );
  await removeSecrets(client, found);
  const deleted = server.requests.filter(({ method }) => method === 'DELETE').map(({ url }) => url.pathname);
  t.strictSame(deleted, [`${FOO}/secrets/istio.ended`, `${FOO}/secrets/istio.unused`]);
  const listed = server.requests.find(({ url }) => url.pathname === `${FOO}/secrets`);
  t.match(listed?.headers.accept, /as=PartialObjectMetadataList/);
  t.equal(listed?.url.searchParams.get('fieldSelector'), 'type=istio.io/key-and-cert');
});
