import { access, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { CLUSTER_PATIENCE_MS, clusterIn, NO_CLUSTER, openCluster } from '../../support/cluster.js';
import { CITADEL_NAMESPACE } from '../mesh.js';

t.setTimeout(CLUSTER_PATIENCE_MS);

/** A kubelet looks for groups of pods that it does not know every two seconds. */
const TWO_ROUNDS_MS = 5_000;

/** The folders of a cluster's control groups. */
async function groupsOf(state: string): Promise<string[]> {
  return (await readFile(join(state, 'groups'), 'utf8')).trim().split('\n');
}

t.test('two clusters of one machine leave each other alone', { skip: NO_CLUSTER }, async (t) => {
  const { cluster } = await openCluster();
  const [first = ''] = await groupsOf(cluster.state);
  // Of pods that nothing takes away: what earlier tests have left is still ending.
  const uids = ['get', 'pods', '-n', CITADEL_NAMESPACE, '-o', 'jsonpath={.items[*].metadata.uid}'];
  const pods = (await cluster.kubectl([...uids, '--field-selector=status.phase=Running'])).split(' ').sort();
  t.ok(pods.length >= 2);
  const withGroups = async (): Promise<string[]> => {
    const folders = await readdir(first, { recursive: true });
    return pods.filter((uid) => folders.some((folder) => folder.endsWith(`/pod${uid}`)));
  };
  t.strictSame(await withGroups(), pods);

  const other = await clusterIn(await mkdtemp(join(dirname(cluster.state), 'cluster-')));
  t.teardown(() => other.down());
  await other.up();
  await delay(TWO_ROUNDS_MS);
  t.strictSame(await withGroups(), pods, 'the groups of its pods are still there');
  const groups = await groupsOf(other.state);
  await other.down();
  for (const group of groups) await t.rejects(access(group), { code: 'ENOENT' }, 'and nothing is left of the other');
});
