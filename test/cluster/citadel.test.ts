import { X509Certificate } from 'node:crypto';
import t from 'tap';
import { CLUSTER_PATIENCE_MS, NO_CLUSTER, openCluster, ownNamespace } from '../support/cluster.js';
import {
  applyInjected,
  CITADEL_NAMESPACE,
  callingPod,
  callsWithoutEnd,
  eventually,
  meshServer,
  rolledOut,
  rootOf,
  says,
  upstreamOf,
} from './mesh.js';

t.setTimeout(3 * CLUSTER_PATIENCE_MS);

t.test(
  'the roots are in every namespace, and come back when they are changed or deleted',
  { skip: NO_CLUSTER },
  async (t) => {
    const { cluster } = await openCluster();
    const namespace = await ownNamespace(t, cluster, 'roots');
    const root = await eventually(() => rootOf(cluster, namespace));
    t.equal(root, await rootOf(cluster, 'kube-system'));
    t.equal(new X509Certificate(root).ca, true);
    await cluster.kubectl(['delete', 'configmap', 'istio-ca-root-cert', '-n', namespace]);
    t.equal(await eventually(() => rootOf(cluster, namespace)), root, 'deleted');
    const spoiled = JSON.stringify({ data: { 'root-cert.pem': 'nothing' } });
    await cluster.kubectl(['patch', 'configmap', 'istio-ca-root-cert', '-n', namespace, '-p', spoiled]);
    const healed = await eventually(async () => ((await rootOf(cluster, namespace)) === root ? root : undefined));
    t.equal(healed, root, 'changed');
  },
);

t.test('a rolled update of Citadel and of a server under load: no request fails', { skip: NO_CLUSTER }, async (t) => {
  const { cluster } = await openCluster();
  const namespace = await ownNamespace(t, cluster, 'update');
  await applyInjected(cluster, namespace, meshServer('server', {}, 2));
  await rolledOut(cluster, namespace, 'deployment/server');
  const loop = callsWithoutEnd(`http://server.${namespace}:8000/ip`);
  await applyInjected(cluster, namespace, [callingPod('caller', loop, upstreamOf(namespace, 'server'))]);
  await cluster.kubectl(['wait', 'pod/caller', '-n', namespace, '--for=condition=Ready', '--timeout=120s']);
  await cluster.kubectl(['rollout', 'restart', 'deployment/sidecert-citadel', '-n', CITADEL_NAMESPACE]);
  await cluster.kubectl(['rollout', 'restart', 'deployment/server', '-n', namespace]);
  await rolledOut(cluster, namespace, 'deployment/server');
  await rolledOut(cluster, CITADEL_NAMESPACE, 'deployment/sidecert-citadel');
  // The pods of before are gone, too, with all that they had begun.
  const ended = 'until [ "$(kubectl get pods -l app=server -n "$0" -o name | wc -l)" = 2 ]; do sleep 0.5; done';
  t.equal((await cluster.enter(['timeout', '180', 'bash', '-c', ended, namespace])).code, 0, 'two pods are left');
  t.equal(await cluster.kubectl(['logs', 'caller', '-c', 'caller', '-n', namespace]), '', 'no request failed');
});

t.test('a probe by exec answers within a limit of 100m CPU', { skip: NO_CLUSTER }, async (t) => {
  const { cluster } = await openCluster();
  const namespace = await ownNamespace(t, cluster, 'probe');
  await applyInjected(cluster, namespace, [callingPod('probed', 'sleep infinity', '')]);
  const pod = JSON.parse(await cluster.kubectl(['get', 'pod', 'probed', '-n', namespace, '-o', 'json']));
  const agent = pod.spec.initContainers.find(({ name }: { name: string }) => name === 'sidecert-agent');
  // The same pod again, with an agent as narrow as that, which the kubelet asks by a process.
  agent.resources = { limits: { cpu: '100m', memory: '128Mi' } };
  agent.readinessProbe = {
    exec: { command: ['sidecert', 'health'] },
    periodSeconds: 2,
  };
  const { spec } = pod;
  for (const field of [
    'nodeName',
    'serviceAccount',
    'tolerations',
    'preemptionPolicy',
    'priority',
    'enableServiceLinks',
  ])
    delete spec[field];
  const isOurs = ({ name }: { name: string }): boolean => !name.startsWith('kube-api-access');
  spec.volumes = spec.volumes.filter(isOurs);
  for (const one of [...spec.containers, ...spec.initContainers])
    one.volumeMounts = (one.volumeMounts ?? []).filter(isOurs);
  const narrow = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'narrow', labels: { app: 'narrow' } }, spec };
  await cluster.kubectl(['apply', '-n', namespace, '-f', '-'], { input: JSON.stringify(narrow) });
  await cluster.kubectl(['wait', 'pod/narrow', '-n', namespace, '--for=condition=Ready', '--timeout=120s']);
  t.ok(
    await says(cluster, namespace, 'narrow', 'agent ready', 'sidecert-agent'),
    'it is ready, by a probe of one second',
  );
});
