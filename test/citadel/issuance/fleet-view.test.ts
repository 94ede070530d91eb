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

  fleet.has(callerOf('a'), 7, { roots: 'both', listKeys: '', unacknowledged: NONE, withFormerLeaf: NONE });
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

t.test('a leaf of another issuer counts when the agent has told that its Envoys have it', async (t) => {
  let nowMs = NOW_MS;
  const fleet = new FleetView(() => nowMs);
  const facts = { connection: 7, notAfterMs: NOW_MS + 3_600_000, roots: 'both' };
  const told = { roots: 'both', listKeys: '', unacknowledged: NONE, withFormerLeaf: NONE };
  const inTheWay = () => fleet.summary('both', 'new').withOtherIssuer;
  fleet.issued(callerOf('a'), { ...facts, issuer: 'old' });
  fleet.has(callerOf('a'), 7, told);
  t.same(inTheWay(), { count: 1, names: [nameOf('a')] });
  t.notOk(fleet.awaits(7));

  fleet.issued(callerOf('a'), { ...facts, issuer: 'new' });
  const untold = { count: 1, names: [`${nameOf('a')}: Envoys that its agent has not told of yet`] };
  t.same(inTheWay(), untold);
  t.notOk(fleet.awaits(7), 'it may not serve that leaf yet');
  fleet.has(callerOf('a'), 7, told);
  t.same(inTheWay(), untold, 'what it tells may be of the leaf before');
  nowMs += 10_000;
  t.ok(fleet.awaits(7));
  fleet.issued(callerOf('a'), { ...facts, connection: 8, issuer: 'new' });
  t.same(inTheWay(), untold, 'another connection changes nothing');
  t.notOk(fleet.awaits(8), 'it may be another process, to which not all Envoys have come back yet');
  fleet.has(callerOf('a'), 8, told);
  t.same(inTheWay(), untold);

  nowMs += 40_000;
  t.ok(fleet.awaits(8));
  fleet.has(callerOf('a'), 8, { ...told, withFormerLeaf: { count: 30, nodeIds: ['x', 'y'] } });
  const envoys = ['x', 'y'].map((id) => `${nameOf('a')}: Envoy ${id}`);
  t.same(inTheWay(), { count: 30, names: envoys });
  t.match(fleet.leaves(), [
    { issuer: 'new', count: 1, names: [nameOf('a')] },
    { issuer: '', count: 30, names: envoys, untilMs: facts.notAfterMs },
  ]);
  t.notOk(fleet.awaits(8), 'it has told');
  fleet.has(callerOf('a'), 9, told);
  t.same(inTheWay(), { count: 30, names: envoys }, 'by another connection not all of them need be back');
  nowMs += 40_000;
  t.ok(fleet.awaits(9));
  fleet.has(callerOf('a'), 9, told);
  t.equal(inTheWay().count, 0);
  t.equal(fleet.leaves().length, 1);
});

t.test('of an agent that never tells of its Envoys its leaf is enough', async (t) => {
  const fleet = new FleetView(() => NOW_MS);
  for (const issuer of ['old', 'new'])
    fleet.issued(callerOf('a'), { connection: 7, issuer, notAfterMs: NOW_MS + 1000, roots: 'both' });
  t.equal(fleet.summary('both', 'new').withOtherIssuer.count, 0);
});

t.test(
  'a workload whose revocation lists lack one of the next root is in the way until it has told of newer ones',
  async (t) => {
    const fleet = new FleetView(() => NOW_MS);
    const told = { roots: 'both', unacknowledged: NONE, withFormerLeaf: NONE };
    const inTheWay = (keys: string, isBehind = false) =>
      fleet.summary('both', 'old', { keys, isBehind }).withOtherRoots;
    const leaf = { connection: 7, issuer: 'old', notAfterMs: NOW_MS + 1000, roots: 'both' };
    fleet.issued(callerOf('a'), leaf);
    t.equal(inTheWay('old next', true).count, 0, 'an agent that never asks for lists has none');
    fleet.has(callerOf('a'), 7, { ...told, listKeys: 'old' });
    t.equal(inTheWay('old').count, 0);
    const named = { count: 1, names: [`${nameOf('a')} (revocation lists)`] };
    t.same(inTheWay('old', true), named, 'the list of the next root is not signed yet');
    t.same(inTheWay('old next'), named);
    fleet.issued(callerOf('a'), leaf);
    t.same(inTheWay('old next'), named, 'a certificate brings roots, no lists');
    fleet.gaveLists(7);
    t.same(inTheWay('old next'), named, 'its Envoys need not have them yet');
    fleet.has(callerOf('a'), 7, { ...told, listKeys: 'old next' });
    t.equal(inTheWay('old next').count, 0);
    fleet.has(callerOf('a'), 7, { ...told, listKeys: '' });
    t.equal(inTheWay('old next').count, 0, 'without any list Envoy refuses no key for it');
    t.same(inTheWay('old', true), named, 'it may get lists that are too old');
    t.equal(inTheWay('', true).count, 0, 'nothing is revoked');
  },
);

t.test('after a restart of Citadel a workload may have lists that it has not told of', async (t) => {
  let nowMs = NOW_MS;
  const fleet = new FleetView(() => nowMs);
  const inTheWay = (keys: string) => fleet.summary('both', 'old', { keys, isBehind: false }).withOtherRoots.count;
  const notAfterMs = NOW_MS + 3_600_000;
  fleet.restored(leafOf('a', { notAfterMs }));
  fleet.issued(callerOf('a'), { connection: 7, issuer: 'old', notAfterMs, roots: 'both' });
  t.equal(inTheWay(''), 0);
  t.equal(inTheWay('old next'), 1);
  nowMs += 10 * 60_000;
  t.equal(inTheWay('old next'), 0, 'its agent is one that never tells');
});

t.test('that an agent was given roots is not that its Envoys have them, which it tells', async (t) => {
  let nowMs = NOW_MS;
  const fleet = new FleetView(() => nowMs);
  const facts = { issuer: 'old', notAfterMs: NOW_MS + 3_600_000 };
  const told = { roots: 'both', listKeys: '', unacknowledged: NONE, withFormerLeaf: NONE };
  const inTheWay = () => fleet.summary('both', 'old').withOtherRoots;
  fleet.issued(callerOf('a'), { ...facts, connection: 7, roots: 'one' });
  fleet.issued(callerOf('a'), { ...facts, connection: 7, roots: 'both' });
  t.equal(inTheWay().count, 0, 'of an agent that never tells this is all that is known');
  fleet.has(callerOf('a'), 7, { ...told, roots: 'one' });
  fleet.issued(callerOf('a'), { ...facts, connection: 7, roots: 'both' });
  t.same(inTheWay(), { count: 1, names: [nameOf('a')] });
  fleet.has(callerOf('a'), 7, told);
  t.equal(inTheWay().count, 0);

  fleet.has(callerOf('a'), 7, { ...told, roots: 'one' });
  fleet.issued(callerOf('a'), { ...facts, connection: 8, roots: 'both' });
  fleet.has(callerOf('a'), 8, told);
  t.equal(inTheWay().count, 1, 'of an agent that has been started again not all Envoys need be back');
  nowMs += 40_000;
  t.ok(fleet.awaits(8));
  fleet.has(callerOf('a'), 8, told);
  t.equal(inTheWay().count, 0);
  t.notOk(fleet.awaits(8));
  fleet.issued(callerOf('a'), { ...facts, connection: 9, roots: 'both' });
  fleet.has(callerOf('a'), 9, told);
  t.equal(inTheWay().count, 0, 'the roots are no news');
  t.same(fleet.summary('both', 'old').withOtherIssuer.count, 0, 'nor is the issuer');
  t.same(fleet.summary('more', 'old').withOtherRoots.count, 1);
  fleet.has(callerOf('a'), 9, { ...told, roots: 'more' });
  t.equal(fleet.summary('more', 'old').withOtherRoots.count, 1, 'that came before its Envoys are back');
  nowMs += 40_000;
  t.ok(fleet.awaits(9));
  fleet.has(callerOf('a'), 9, { ...told, roots: 'more' });
  t.equal(fleet.summary('more', 'old').withOtherRoots.count, 0);
});

t.test('what an agent tells in the name of one of its workloads is of all of them', async (t) => {
  const fleet = new FleetView(() => NOW_MS);
  const leaf = { connection: 7, issuer: 'old', notAfterMs: NOW_MS + 3_600_000, roots: 'both' };
  for (const pod of ['a', 'b']) fleet.issued(callerOf(pod), leaf);
  const told = { roots: 'both', listKeys: '', unacknowledged: NONE, withFormerLeaf: NONE };
  const behind = { count: 2, nodeIds: ['x', 'y'] };
  fleet.has(callerOf('a'), 7, { ...told, unacknowledged: behind, withFormerLeaf: behind });
  t.match(fleet.summary('both', 'old'), { withOtherRoots: { count: 2 }, withOtherIssuer: { count: 2 } });
  fleet.has(callerOf('b'), 7, told);
  t.match(fleet.summary('both', 'old'), { withOtherRoots: { count: 0 }, withOtherIssuer: { count: 0 } });
});

t.test(
  'an Envoy that an agent has told of stays in the way when the agent is started again, until all are back',
  async (t) => {
    const cases = [
      { what: 'roots', behind: { unacknowledged: { count: 1, nodeIds: ['e'] } }, named: `${nameOf('a')}: Envoy e` },
      { what: 'leaf', behind: { withFormerLeaf: { count: 1, nodeIds: ['e'] } }, named: `${nameOf('a')}: Envoy e` },
      { what: 'lists', behind: { listKeys: 'old' }, named: `${nameOf('a')} (revocation lists)` },
    ];
    const told = { roots: 'both', listKeys: 'old next', unacknowledged: NONE, withFormerLeaf: NONE };
    const leaf = { issuer: 'old', notAfterMs: NOW_MS + 3_600_000, roots: 'both' };
    for (const { what, behind, named } of cases) {
      for (const isIssued of what === 'lists' ? [true] : [true, false]) {
        let nowMs = NOW_MS;
        const fleet = new FleetView(() => nowMs);
        const inTheWay = () => {
          const { withOtherRoots, withOtherIssuer } = fleet.summary('both', 'old', {
            keys: 'old next',
            isBehind: false,
          });
          return [...withOtherRoots.names, ...withOtherIssuer.names];
        };
        fleet.issued(callerOf('a'), { ...leaf, connection: 7 });
        fleet.has(callerOf('a'), 7, { ...told, ...behind });
        t.same(inTheWay(), [named], what);
        if (isIssued) fleet.issued(callerOf('a'), { ...leaf, connection: 8 });
        for (const passMs of [1000, 30_000]) {
          nowMs += passMs;
          fleet.has(callerOf('a'), 8, told);
          t.same(inTheWay(), [named], `${what} ${nowMs - NOW_MS}`);
        }
        fleet.has(callerOf('a'), 8, { ...told, ...behind });
        t.same(inTheWay(), [named], 'it is the same one');
        nowMs += 40_000;
        t.ok(fleet.awaits(8));
        fleet.has(callerOf('a'), 8, told);
        t.same(inTheWay(), [], what);
      }
    }
  },
);

t.test('what an agent tells in the name of a workload that is not known is of those that are', async (t) => {
  const fleet = new FleetView(() => NOW_MS);
  const inTheWay = () => fleet.summary('both', 'old').withOtherRoots;
  const leaf = { connection: 7, issuer: 'old', notAfterMs: NOW_MS + 3_600_000, roots: 'one' };
  const told = { roots: 'both', listKeys: '', unacknowledged: NONE, withFormerLeaf: NONE };
  fleet.has(callerOf('gone'), 7, told);
  t.equal(fleet.summary('both', 'old').workloads, 0);
  for (const pod of ['a', 'b']) fleet.issued(callerOf(pod), leaf);
  fleet.has(callerOf('gone'), 7, { ...told, unacknowledged: { count: 1, nodeIds: ['x'] } });
  t.same(inTheWay(), { count: 1, names: [`${nameOf('a')}: Envoy x`] });
  fleet.has(callerOf('gone'), 7, told);
  t.equal(inTheWay().count, 0);
  fleet.issued(callerOf('b'), { ...leaf, roots: 'more' });
  t.equal(fleet.summary('more', 'old').withOtherRoots.count, 2, 'its agent tells');
});
