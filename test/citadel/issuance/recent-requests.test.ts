import t from 'tap';
import { RecentRequests } from '../../../src/citadel/issuance/recent-requests.js';

const leaf = (serial: number) => ({
  ...{ spiffe_id: 'spiffe://cluster.local/ns/foo/sa/sleep', serial: String(serial) },
  ...{ pod: 'sleep-5d9c', cluster_id: 'Kubernetes', connection: 7 },
});

const refusal = (connection: number, reason = 'token expired') => ({
  ...({ code: 'ERR_TOKEN_EXPIRED', reason, spiffeId: undefined, clusterId: '', connection } as const),
});

t.test('the last 50 certificates are kept, newest first, and all are counted', async (t) => {
  let nowMs = 1000;
  const recent = new RecentRequests(() => nowMs);
  t.strictSame(recent.lastIssued(), []);
  for (let serial = 1; serial <= 120; serial += 1) {
    nowMs += 1;
    recent.issued(leaf(serial));
    t.equal(recent.lastIssued()[0]?.fields.serial, String(serial));
  }
  const kept = recent.lastIssued();
  t.equal(kept.length, 50);
  t.strictSame([kept[0]?.atMs, kept[49]?.fields.serial, recent.issuedCount], [1120, '71', 120]);
});

t.test('one caller that is refused again and again takes one place, the last one first', async (t) => {
  let nowMs = 1000;
  const recent = new RecentRequests(() => nowMs);
  recent.refused(refusal(1));
  recent.refused(refusal(2));
  nowMs = 5000;
  for (let call = 0; call < 1000; call += 1) recent.refused(refusal(1));
  t.match(recent.lastRefused(), [
    { fields: { connection: 1 }, count: 1001, atMs: 5000 },
    { fields: { connection: 2 }, count: 1, atMs: 1000 },
  ]);
  t.equal(recent.refusedCount, 1002);
});

t.test('a flood of connections makes 50 places at most, with reasons that are cut', async (t) => {
  const recent = new RecentRequests(() => 0);
  for (let connection = 0; connection < 10_000; connection += 1)
    recent.refused(refusal(connection, 'x'.repeat(10_000)));
  const kept = recent.lastRefused();
  t.equal(kept.length, 50);
  t.equal(kept[0]?.fields.connection, 9999);
  t.ok(kept.every(({ fields }) => String(fields.reason).length <= 400));
});
