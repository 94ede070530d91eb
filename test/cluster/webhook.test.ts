import t from 'tap';
import { CLUSTER_PATIENCE_MS, NO_CLUSTER, openCluster, ownNamespace } from '../support/cluster.js';
import { callerOf, meshServer, rolledOut, says } from './mesh.js';

const SIDECARS = 'sidecert-capture sidecert-agent istio-proxy';

t.test('a namespace with the label has its pods injected as they are made', { skip: NO_CLUSTER }, async (t) => {
  t.setTimeout(CLUSTER_PATIENCE_MS);
  const { cluster } = await openCluster();
  const namespace = await ownNamespace(t, cluster, 'webhook');
  await rolledOut(cluster, 'istio-system', 'deployment/sidecert-injector');
  await cluster.kubectl(['label', 'namespace', namespace, 'istio-injection=enabled']);
  const objects = [...meshServer('server'), callerOf('caller', namespace, ['server'])];
  const input = objects.map((one) => JSON.stringify(one)).join('\n---\n');
  await cluster.kubectl(['apply', '-n', namespace, '-f', '-'], { input });
  t.ok(await says(cluster, namespace, 'caller', 'server: 200'));
  const path = (of: string): string => `jsonpath={${of}.spec.initContainers[*].name}`;
  const found = ['get', 'pods', '-n', namespace, '-l', 'app=server', '-o', path('.items[*]')];
  t.equal(await cluster.kubectl(found), SIDECARS);

  await t.test('and so they are while the injectors are replaced', async (t) => {
    await cluster.kubectl(['rollout', 'restart', 'deployment/sidecert-injector', '-n', 'istio-system']);
    let isOver = false;
    const over = rolledOut(cluster, 'istio-system', 'deployment/sidecert-injector').finally(() => {
      isOver = true;
    });
    const input = JSON.stringify(callerOf('dry', namespace, ['server']));
    // All that is done to a pod but storing it: a hundred real ones would be more than a node takes.
    const dry = ['create', '--dry-run=server', '-n', namespace, '-f', '-', '-o', path('')];
    const made = new Set<string>();
    let count = 0;
    for (; !isOver; count += 1) made.add(await cluster.kubectl(dry, { input }));
    await over;
    t.strictSame([...made], [SIDECARS], `${count} pods`);
    t.ok(count > 1);
  });
});
