import t from 'tap';
import { FleetView } from '../../../src/citadel/issuance/index.js';
import { SpiffeId } from '../../../src/pki/spiffe/index.js';

const NOW_MS = Date.parse('2026-12-01T00:00:00Z');
const sleep = 'spiffe://cluster.local/ns/foo/sa/sleep';
const nameOf = (pod: string): string => `${sleep} (pod ${pod})`;
const leafOf = (podName: string, more = {}) => ({
  ...{ spiffeId: sleep, podName, issuer: 'old', notAfterMs: NOW_MS + 1000 },
  ...more,
});
const callerOf = (podName: string) => ({ spiffeId: SpiffeId.parse(sleep), podName });
const NONE = { count: 0, nodeIds: [] };

t.test('a workload of the trail is in the way until it is heard of', async (t) => {
  const fleet = new FleetView(() => NOW_MS);
  fleet.restored(leafOf('a', { issuer: 'new' }));
  fleet.restored(leafOf('b', { issuer: 'new' }));
  fleet.restored(leafOf('b'));
  fleet.restored(leafOf('expired', { notAfterMs: NOW_MS - 1 }));
  fleet.restored(leafOf('odd', { notAfterMs: Number.NaN }));
  t.match(fleet.summary('both', 'new'), {
    workloads: 2,
    withOtherRoots: { count: 2, names: [nameOf('a'), nameOf('b')] },
    withOtherIssuer: { count: 1, names: [nameOf('b')] },
  });

  fleet.has(callerOf('a'), 7, { roots: 'both', unacknowledged: NONE });
  t.same(fleet.summary('both', 'new').withOtherRoots.names, [nameOf('b')], 'of one nothing follows for another');
  fleet.issued(callerOf('b'), { connection: 7, issuer: 'new', notAfterMs: NOW_MS + 2000, roots: 'both' });
  fleet.restored(leafOf('b'));
  t.match(fleet.summary('both', 'new'), {
    workloads: 2,
    withOtherRoots: { count: 0 },
    withOtherIssuer: { count: 0 },
  });
});

t.test('the trail may be known from before the start', async (t) => {
  const fleet = new FleetView(() => NOW_MS);
  t.equal(fleet.summary('', '').knownSinceMs, NOW_MS);
  fleet.knowsSince(NOW_MS - 5000);
  fleet.knowsSince(NOW_MS - 1000);
  t.equal(fleet.summary('', '').knownSinceMs, NOW_MS - 5000);
});
