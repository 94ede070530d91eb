import t from 'tap';
import { HeldLeaves } from '../../../src/citadel/issuance/held-leaves.js';
import { SpiffeId } from '../../../src/pki/spiffe/index.js';
import { TokenIssuer } from '../../support/test-tokens.js';

const HOUR_MS = 3_600_000;

function workload(account: string, podUid?: string) {
  const spiffeId = SpiffeId.parse(`spiffe://cluster.local/ns/foo/sa/${account}`);
  return { spiffeId, podName: undefined, podUid, tokenExpiresAtMs: 0 };
}

t.test(
  'a renewal is a request in the second third of the life of a certificate, and is urgent in the last one',
  async (t) => {
    const held = new HeldLeaves();
    held.issued(workload('sleep', 'uid-1'), 0, 24 * HOUR_MS);
    const isRenewal = (hours: number): boolean => held.isRenewal(workload('sleep', 'uid-1'), hours * HOUR_MS);
    t.same([1, 7, 8, 12, 15.9, 16, 23.9, 30].map(isRenewal), [false, false, true, true, true, false, false, false]);
  },
);

t.test('another pod of the account, and another account, have none', async (t) => {
  const held = new HeldLeaves();
  held.issued(workload('sleep', 'uid-1'), 0, 24 * HOUR_MS);
  for (const other of [workload('sleep', 'uid-2'), workload('sleep'), workload('httpbin', 'uid-1')]) {
    t.equal(held.isRenewal(other, 12 * HOUR_MS), false);
  }
});

t.test('a token is known by what it says of itself; what is no token renews nothing', async (t) => {
  const held = new HeldLeaves();
  const issuer = new TokenIssuer();
  const claims = { 'kubernetes.io': { pod: { name: 'sleep-1', uid: 'uid-1' } } };
  const bearer = `Bearer ${await issuer.token('foo', 'sleep', claims)}`;
  const isClaimed = (authorization: readonly string[]): boolean => held.isClaimedRenewal(authorization, 12 * HOUR_MS);
  t.equal(isClaimed([bearer]), false);
  held.issued(workload('sleep', 'uid-1'), 0, 24 * HOUR_MS);
  t.equal(isClaimed([bearer]), true);
  t.equal(isClaimed([`Bearer ${await issuer.token('foo', 'httpbin', claims)}`]), false);
  for (const none of [[], [''], ['Bearer a.b.c'], ['Bearer x'], [`Bearer ${'a'.repeat(100_000)}`]]) {
    t.equal(isClaimed(none), false);
  }
});

t.test('what is remembered is bounded: the oldest goes', async (t) => {
  const held = new HeldLeaves();
  for (let pod = 0; pod <= 50_000; pod += 1) held.issued(workload('sleep', `uid-${pod}`), 0, 24 * HOUR_MS);
  t.equal(held.isRenewal(workload('sleep', 'uid-0'), 12 * HOUR_MS), false);
  t.equal(held.isRenewal(workload('sleep', 'uid-1'), 12 * HOUR_MS), true);
});
