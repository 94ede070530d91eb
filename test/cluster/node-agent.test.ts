import { fileURLToPath } from 'node:url';
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
  upstreamOf,
} from './mesh.js';

t.setTimeout(2 * CLUSTER_PATIENCE_MS);

/** build/test/cluster/ → the project. */
const CHART = fileURLToPath(new URL('../../../deploy/charts/sidecert', import.meta.url));
const HELM = `'${process.env.HELM_PATH ?? 'no-helm-found: run npm run test:kubernetes'}/helm'`;

/** Agents of nodes alone: a second Citadel would publish a second root. */
const SETTINGS = [
  'citadel.enabled=false',
  'injector.enabled=false',
  'node.enabled=true',
  `node.caAddress=istiod.${CITADEL_NAMESPACE}.svc:15012`,
];

// All that holds for the agent of a node is here: two releases would have their sockets in the same directory.
t.test(
  'helm installs the agent of a node, upgrades it under load, and takes it away',
  { skip: NO_CLUSTER },
  async (t) => {
    const { cluster, pods } = await openCluster();
    const inside = async (line: string): Promise<void> => {
      const { code, output } = await cluster.enter(['bash', '-c', line]);
      t.equal(code, 0, `${line}: ${output.slice(-500)}`);
    };
    const release = `${HELM} --namespace other`;
    const settings = `${SETTINGS.map((one) => `--set ${one}`).join(' ')} --wait --timeout 120s`;
    await inside(`${release} install other '${CHART}' --create-namespace ${settings}`);

    const namespace = await ownNamespace(t, cluster, 'node-mode');
    const flags = '--agent node';
    await applyInjected(cluster, namespace, meshServer('server'), flags);
    await rolledOut(cluster, namespace, 'deployment/server');
    const loop = callsWithoutEnd(`http://server.${namespace}:8000/ip`);
    await applyInjected(cluster, namespace, [callingPod('caller', loop, upstreamOf(namespace, 'server'))], flags);
    await cluster.kubectl(['wait', 'pod/caller', '-n', namespace, '--for=condition=Ready', '--timeout=120s']);
    const containers = ['get', 'pod', 'caller', '-n', namespace, '-o', 'jsonpath={.spec.initContainers[*].name}'];
    t.equal(await cluster.kubectl(containers), 'sidecert-capture istio-proxy', 'no agent in the pod');

    const before = await pods.serial(namespace, 'caller');
    await inside(`${release} upgrade other '${CHART}' --set node.logLevel=debug ${settings}`);
    await inside(`kubectl rollout status daemonset/sidecert-node -n other --timeout=120s`);
    const log = await eventually(async () => {
      const text = await cluster.kubectl(['logs', 'daemonset/sidecert-node', '-c', 'agent', '-n', 'other']);
      return text.includes('svid issued') ? text : undefined;
    });
    t.match(log, /"level":"debug"/, 'the new agent serves');
    t.ok(await pods.nextSerial(namespace, 'caller', before, CLUSTER_PATIENCE_MS), 'a certificate by the new agent');
    t.equal(await cluster.kubectl(['logs', 'caller', '-c', 'caller', '-n', namespace]), '', 'no request failed');

    await inside(`${release} uninstall other --wait`);
    // It waits for what it made, and not for the pods of that.
    await cluster.kubectl(['wait', 'pods', '--all', '-n', 'other', '--for=delete', '--timeout=180s']);
    t.equal(await cluster.kubectl(['get', 'all', '-n', 'other', '-o', 'name']), '', 'nothing is left');
    await cluster.kubectl(['delete', 'namespace', 'other', '--wait=false']);
  },
);
