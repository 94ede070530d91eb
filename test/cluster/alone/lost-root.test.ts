import t from 'tap';
import { CLUSTER_PATIENCE_MS, NO_CLUSTER, openCluster, ownNamespace } from '../../support/cluster.js';
import {
  applyInjected,
  CITADEL_NAMESPACE,
  callingPod,
  callsWithoutEnd,
  eventually,
  meshServer,
  rolledOut,
  rootOf,
  upstreamOf,
} from '../mesh.js';

// It takes the root away that all workloads of the cluster trust, so no other test may have workloads meanwhile.

t.setTimeout(3 * CLUSTER_PATIENCE_MS);

const CITADELS = ['-l', 'app.kubernetes.io/component=citadel', '-n', CITADEL_NAMESPACE];

t.test('Citadel lost with its pods alone, and with its root: no request fails', { skip: NO_CLUSTER }, async (t) => {
  const { cluster, pods } = await openCluster();
  const namespace = await ownNamespace(t, cluster, 'loss');
  await applyInjected(cluster, namespace, meshServer('server'), '--ttl 40s');
  await rolledOut(cluster, namespace, 'deployment/server');
  const upstreams = upstreamOf(namespace, 'server');
  const loop = callsWithoutEnd(`http://server.${namespace}:8000/ip`);
  await applyInjected(cluster, namespace, [callingPod('caller', loop, upstreams)], '--ttl 40s');
  await cluster.kubectl(['wait', 'pod/caller', '-n', namespace, '--for=condition=Ready', '--timeout=120s']);

  const before = await pods.serial(namespace, 'caller');
  await cluster.kubectl(['delete', 'pod', ...CITADELS, '--now']);
  await rolledOut(cluster, CITADEL_NAMESPACE, 'deployment/sidecert-citadel');
  const root = await rootOf(cluster, namespace);
  const next = await pods.nextSerial(namespace, 'caller', before, 60_000);
  t.ok(next, 'a new certificate, of the same root');

  await cluster.kubectl(['delete', 'secret', 'istio-ca-secret', '-n', CITADEL_NAMESPACE]);
  await cluster.kubectl(['delete', 'pod', ...CITADELS, '--now']);
  await rolledOut(cluster, CITADEL_NAMESPACE, 'deployment/sidecert-citadel');
  await eventually(async () => ((await rootOf(cluster, namespace)) === root ? undefined : true));
  for (const app of ['caller', 'server']) {
    const own = await pods.serial(namespace, app);
    t.ok(await pods.nextSerial(namespace, app, own, 120_000), `${app} has a certificate of the new root`);
  }
  const log = await cluster.kubectl(['logs', 'caller', '-c', 'caller', '-n', namespace]);
  t.equal(log, '', 'no request failed');
});
