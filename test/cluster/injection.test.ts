import t, { type Test } from 'tap';
import { CLUSTER_PATIENCE_MS, type Cluster, NO_CLUSTER, openCluster, ownNamespace } from '../support/cluster.js';
import {
  applyInjected,
  callerOf,
  callingPod,
  callOnce,
  meshServer,
  rolledOut,
  says,
  template,
  upstreamOf,
} from './mesh.js';

async function open(t: Test, name: string): Promise<{ cluster: Cluster; namespace: string }> {
  t.setTimeout(CLUSTER_PATIENCE_MS);
  const { cluster } = await openCluster();
  return { cluster, namespace: await ownNamespace(t, cluster, name) };
}

t.test('pods of every kind have an identity of their own account', { skip: NO_CLUSTER }, async (t) => {
  const { cluster, namespace } = await open(t, 'kinds');
  const url = `http://server.${namespace}:8000/headers`;
  const upstream = upstreamOf(namespace, 'server');
  const serving = (name: string): object => template(name, `${callOnce(url)}; sleep infinity`, upstream);
  const job = (name: string): object => template(name, callOnce(url), upstream, 'Never');
  const selector = (app: string): object => ({ matchLabels: { app } });
  const named = (name: string): object => ({ metadata: { name } });
  await applyInjected(cluster, namespace, [
    ...meshServer('server'),
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', ...named('deployment') },
      spec: { selector: selector('deployment'), template: serving('deployment') },
    },
    {
      ...{ apiVersion: 'apps/v1', kind: 'StatefulSet', ...named('statefulset') },
      spec: { serviceName: 'none', selector: selector('statefulset'), template: serving('statefulset') },
    },
    {
      ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', ...named('daemonset') },
      spec: { selector: selector('daemonset'), template: serving('daemonset') },
    },
    { apiVersion: 'batch/v1', kind: 'Job', ...named('job'), spec: { template: job('job') } },
    {
      ...{ apiVersion: 'batch/v1', kind: 'CronJob', ...named('cronjob') },
      spec: {
        schedule: '0 0 1 1 *',
        jobTemplate: { spec: { template: job('cronjob') } },
      },
    },
    callingPod('pod', `${callOnce(url)}; sleep infinity`, upstream),
  ]);
  await cluster.kubectl(['create', 'job', 'of-cronjob', '--from=cronjob/cronjob', '-n', namespace]);
  await rolledOut(cluster, namespace, 'deployment/server', 'deployment/deployment', 'statefulset/statefulset');
  await rolledOut(cluster, namespace, 'daemonset/daemonset');
  for (const name of ['job/job', 'job/of-cronjob']) {
    await cluster.kubectl(['wait', name, '-n', namespace, '--for=condition=Complete', '--timeout=180s']);
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
      await applyInjected(cluster, namespace, meshServer(name, { 'sidecert.dev/upstreams': upstreams }), flags);
    }
    await rolledOut(cluster, namespace, ...ways.map(({ name }) => `deployment/${name}`));
    for (const { name: from } of ways) {
      const servers = ways.map(({ name }) => name);
      await applyInjected(
        cluster,
        namespace,
        [callerOf(`from-${from}`, namespace, servers)],
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
    await applyInjected(cluster, namespace, meshServer('permissive'), '--inbound permissive');
    await applyInjected(cluster, namespace, meshServer('strict'), '--inbound strict');
    await rolledOut(cluster, namespace, 'deployment/permissive', 'deployment/strict');
    await applyInjected(cluster, namespace, [callerOf('meshed', namespace, ['permissive', 'strict'])]);
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
        '60',
        `http://${address}:8000/ip`,
      ];
      return (await cluster.enter(args)).output;
    };
    t.equal(await plain('permissive'), '200', 'plain text to permissive');
    t.equal(await plain('strict'), '000', 'plain text to strict');
  },
);
