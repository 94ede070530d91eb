import t, { type Test } from 'tap';
import {
  CLUSTER_PATIENCE_MS,
  type Cluster,
  NO_CLUSTER,
  openCluster,
  ownNamespace,
  SHIPPED,
} from '../support/cluster.js';

const HTTPBIN = 'docker.io/mccutchen/go-httpbin:v2.15.0';
const CURL = 'docker.io/curlimages/curl:8.16.0';

/** Applies a manifest as a user would: through `kube-inject`. */
async function applyInjected(cluster: Cluster, namespace: string, manifest: object[], flags = ''): Promise<void> {
  const input = manifest.map((one) => JSON.stringify(one)).join('\n---\n');
  const line = `set -o pipefail; ${SHIPPED} kube-inject -f - ${flags} | kubectl apply -n ${namespace} -f -`;
  const { code, output } = await cluster.enter(['bash', '-c', line], { input });
  if (code !== 0) throw new Error(`${line}: ${output}`);
}

/** A server behind a Service, and its account. */
function server(name: string, annotations: Record<string, string> = {}): object[] {
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } },
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name } },
      spec: { selector: { app: name }, ports: [{ name: 'http', port: 8000, targetPort: 80 }] },
    },
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name } },
      spec: {
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name }, annotations },
          spec: {
            serviceAccountName: name,
            containers: [
              {
                ...{ name, image: HTTPBIN, ports: [{ containerPort: 80 }], env: [{ name: 'PORT', value: '80' }] },
                readinessProbe: { httpGet: { path: '/get', port: 80 }, periodSeconds: 1 },
              },
            ],
          },
        },
      },
    },
  ];
}

/** A pod that calls `url` until it is ended, or with `once` one time. */
function caller(name: string, url: string, upstream: string, once: boolean, restartPolicy?: string): object {
  const call = `curl -s --retry 60 --retry-all-errors --retry-delay 1 ${url}`;
  return {
    metadata: { labels: { app: name }, annotations: { 'sidecert.dev/upstreams': upstream } },
    spec: {
      ...(restartPolicy !== undefined && { restartPolicy }),
      terminationGracePeriodSeconds: 1,
      containers: [{ name, image: CURL, command: ['/bin/sh', '-c', once ? call : `${call}; sleep infinity`] }],
    },
  };
}

async function rolledOut(cluster: Cluster, namespace: string, ...names: string[]): Promise<void> {
  for (const name of names) await cluster.kubectl(['rollout', 'status', name, '-n', namespace, '--timeout=180s']);
}

async function open(t: Test, name: string): Promise<{ cluster: Cluster; namespace: string }> {
  t.setTimeout(CLUSTER_PATIENCE_MS);
  const { cluster } = await openCluster();
  return { cluster, namespace: await ownNamespace(t, cluster, name) };
}

t.test('pods of every kind have an identity of their own account', { skip: NO_CLUSTER }, async (t) => {
  const { cluster, namespace } = await open(t, 'kinds');
  const url = `http://server.${namespace}:8000/headers`;
  const upstream = `server.${namespace}:8000=spiffe://cluster.local/ns/${namespace}/sa/server`;
  const template = (name: string, once = false, policy?: string): object => caller(name, url, upstream, once, policy);
  const selector = (app: string): object => ({ matchLabels: { app } });
  const named = (name: string): object => ({ metadata: { name } });
  await applyInjected(cluster, namespace, [
    ...server('server'),
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', ...named('deployment') },
      spec: { selector: selector('deployment'), template: template('deployment') },
    },
    {
      ...{ apiVersion: 'apps/v1', kind: 'StatefulSet', ...named('statefulset') },
      spec: { serviceName: 'none', selector: selector('statefulset'), template: template('statefulset') },
    },
    {
      ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', ...named('daemonset') },
      spec: { selector: selector('daemonset'), template: template('daemonset') },
    },
    { apiVersion: 'batch/v1', kind: 'Job', ...named('job'), spec: { template: template('job', true, 'Never') } },
    {
      ...{ apiVersion: 'batch/v1', kind: 'CronJob', ...named('cronjob') },
      spec: {
        schedule: '0 0 1 1 *',
        jobTemplate: { spec: { template: template('cronjob', true, 'Never') } },
      },
    },
    { apiVersion: 'v1', kind: 'Pod', ...template('pod'), metadata: { name: 'pod', ...annotated(template('pod')) } },
  ]);
  await cluster.kubectl(['create', 'job', 'of-cronjob', '--from=cronjob/cronjob', '-n', namespace]);
  await rolledOut(cluster, namespace, 'deployment/server', 'deployment/deployment', 'statefulset/statefulset');
  await rolledOut(cluster, namespace, 'daemonset/daemonset');
  for (const job of ['job/job', 'job/of-cronjob']) {
    await cluster.kubectl(['wait', job, '-n', namespace, '--for=condition=Complete', '--timeout=180s']);
  }
  const identity = `URI=spiffe://cluster.local/ns/${namespace}/sa/default`;
  for (const app of ['deployment', 'statefulset', 'daemonset', 'job', 'cronjob', 'pod']) {
    t.ok(await says(cluster, namespace, app, identity), `${app} calls as ${identity}`);
  }
});

t.test(
  'tokens by file and by stream, native and classic sidecars, all in one mesh',
  { skip: NO_CLUSTER },
  async (t) => {
    const { cluster, namespace } = await open(t, 'ways');
    const ways = [
      { name: 'file', flags: '--token-source file' },
      { name: 'stream', flags: '--token-source stream' },
      { name: 'classic', flags: '--classic' },
      { name: 'rules', flags: '--capture iptables --capture-image docker.io/local/iptables:1' },
    ];
    for (const { name, flags } of ways) {
      const upstreams = ways.map((to) => upstreamOf(namespace, to.name)).join('\n');
      await applyInjected(cluster, namespace, server(name, { 'sidecert.dev/upstreams': upstreams }), flags);
    }
    await rolledOut(cluster, namespace, ...ways.map(({ name }) => `deployment/${name}`));
    for (const { name: from } of ways) {
      await applyInjected(
        cluster,
        namespace,
        [
          {
            ...{ apiVersion: 'v1', kind: 'Pod', ...caller(`from-${from}`, '', '', true) },
            ...podThatCalls(
              `from-${from}`,
              namespace,
              ways.map(({ name }) => name),
            ),
          },
        ],
        ways.find(({ name }) => name === from)?.flags,
      );
    }
    for (const { name: from } of ways) {
      for (const { name: to } of ways) {
        t.ok(await says(cluster, namespace, `from-${from}`, `${to}: 200`), `${from} to ${to}: 200`);
      }
    }
  },
);

t.test(
  'permissive takes plain text and mutual TLS on one port; strict only the latter',
  { skip: NO_CLUSTER },
  async (t) => {
    const { cluster, namespace } = await open(t, 'moving');
    await applyInjected(cluster, namespace, server('permissive'), '--inbound permissive');
    await applyInjected(cluster, namespace, server('strict'), '--inbound strict');
    await rolledOut(cluster, namespace, 'deployment/permissive', 'deployment/strict');
    await applyInjected(cluster, namespace, [
      {
        ...{ apiVersion: 'v1', kind: 'Pod' },
        ...podThatCalls('meshed', namespace, ['permissive', 'strict']),
      },
    ]);
    for (const to of ['permissive', 'strict'])
      t.ok(await says(cluster, namespace, 'meshed', `${to}: 200`), `mutual TLS to ${to}`);
    const plain = async (name: string): Promise<string> => {
      const address = await cluster.kubectl([
        'get',
        'service',
        name,
        '-n',
        namespace,
        '-o',
        'jsonpath={.spec.clusterIP}',
      ]);
      const args = [
        'curl',
        '-s',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        '--max-time',
        '5',
        `http://${address}:8000/ip`,
      ];
      return (await cluster.enter(args)).output;
    };
    t.equal(await plain('permissive'), '200', 'plain text to permissive');
    t.equal(await plain('strict'), '000', 'plain text to strict');
  },
);

function upstreamOf(namespace: string, name: string): string {
  return `${name}.${namespace}:8000=spiffe://cluster.local/ns/${namespace}/sa/${name}`;
}

/** Metadata and spec of a pod that calls each of these once, and prints `NAME: CODE`. */
function podThatCalls(name: string, namespace: string, servers: readonly string[]): object {
  const calls = servers.map(
    (to) =>
      `curl -s -o /dev/null --retry 60 --retry-all-errors --retry-delay 1 -w '${to}: %{http_code}\\n' http://${to}.${namespace}:8000/ip`,
  );
  const upstreams = servers.map((to) => upstreamOf(namespace, to)).join('\n');
  return {
    metadata: { name, labels: { app: name }, annotations: { 'sidecert.dev/upstreams': upstreams } },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name, image: CURL, command: ['/bin/sh', '-c', `${calls.join('; ')}; sleep infinity`] }],
    },
  };
}

function annotated(template: object): object {
  return (template as { metadata: object }).metadata;
}

/** Whether the container of that name says `text` in its log before long. */
async function says(cluster: Cluster, namespace: string, app: string, text: string): Promise<boolean> {
  const script = `until kubectl logs -l app=${app} -c ${app} -n ${namespace} --tail=-1 | grep -qF '${text}'; do sleep 0.5; done`;
  const { code } = await cluster.enter(['timeout', '120', 'bash', '-c', script]);
  if (code !== 0)
    t.comment(
      (
        await cluster.enter([
          'bash',
          '-c',
          `kubectl get pods -n ${namespace}; kubectl logs -l app=${app} -c ${app} -n ${namespace} --tail=20`,
        ])
      ).output,
    );
  return code === 0;
}
