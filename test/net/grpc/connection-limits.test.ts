import t from 'tap';
import { ConnectionLimits } from '../../../src/net/grpc/server/connection-limits.js';

const peer = (uid: number, pid = uid) => ({ uid, gid: 0, pid });

t.test('row 67: one user has at most nine tenths of all connections, and others still get in', async (t) => {
  const limits = new ConnectionLimits({ maxConnections: 10, now: () => 0 });
  for (let index = 0; index < 9; index += 1) t.equal(limits.enter(peer(1)), undefined);
  t.equal(limits.enter(peer(1)), 'too_many_of_uid');
  t.equal(limits.enter(peer(2)), undefined);
  t.equal(limits.enter(peer(3)), 'too_many');
  limits.left(peer(1));
  t.equal(limits.enter(peer(3)), undefined);
});

t.test('peers that nobody can name are counted together, and bounded by the total', async (t) => {
  const limits = new ConnectionLimits({ maxConnections: 2, now: () => 0 });
  t.same(
    [limits.enter(undefined), limits.enter(undefined), limits.enter(undefined)],
    [undefined, undefined, 'too_many'],
  );
  limits.left(undefined);
  t.equal(limits.enter(undefined), undefined);
});

t.test('row 73: with a list of users nobody else gets in, and nobody without a name', async (t) => {
  const limits = new ConnectionLimits({ maxConnections: 9, allowedUids: new Set([0, 1337]), now: () => 0 });
  t.same(
    [0, 1337, 1000].map((uid) => limits.enter(peer(uid))),
    [undefined, undefined, 'uid_not_allowed'],
  );
  t.equal(limits.enter(undefined), 'uid_not_allowed');
});

t.test(
  'row 67: a process that was ended five times within 10 s waits for their end; its user’s others do not',
  async (t) => {
    const clock = { nowMs: 0 };
    const limits = new ConnectionLimits({ maxConnections: 100, now: () => clock.nowMs });
    const misbehave = () => {
      const refusal = limits.enter(peer(7, 1));
      if (refusal !== undefined) return refusal;
      limits.misbehaved(peer(7, 1));
      limits.left(peer(7, 1));
      return undefined;
    };
    for (let index = 0; index < 5; index += 1) t.equal(misbehave(), undefined);
    t.equal(misbehave(), 'misbehaved');
    t.equal(limits.enter(peer(7, 2)), undefined);
    clock.nowMs = 10_000;
    t.equal(misbehave(), undefined);
  },
);

t.test('row 67: ten processes a second that break off now and then are let in for ever', async (t) => {
  const clock = { nowMs: 0 };
  const limits = new ConnectionLimits({ maxConnections: 100, now: () => clock.nowMs });
  let refused = 0;
  for (let index = 0; index < 10_000; index += 1) {
    clock.nowMs += 100;
    // By chance the same process number comes again after a while.
    const who = peer(7, 1 + (index % 2000));
    if (limits.enter(who) !== undefined) refused += 1;
    limits.misbehaved(who);
    limits.left(who);
  }
  t.equal(refused, 0);
});
