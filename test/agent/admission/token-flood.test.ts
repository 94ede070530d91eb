import t from 'tap';
import { errorCodeOf } from '../../../src/errors/index.js';
import { openHotPath } from '../../support/hot-path.js';
import { aStream, openNode } from '../../support/node-pods.js';

const hotPath = openHotPath();
const on = (connection: number, uid = 1337, pid = 0) => ({ uid, pid, connection });

t.test('a flood of forged tokens on one connection puts one of them before a new pod, not all', async (t) => {
  const { gate, ca, token } = openNode(t, hotPath, { maxInFlight: 1, maxWaiting: 8192 });
  ca.fault = 'hang';
  const flood = Array.from({ length: 9500 }, (_, index) =>
    gate.admit(token({ id: `forged-${index}`, isForged: true }), aStream(), on(1)).then(() => 'none', errorCodeOf),
  );
  await ca.untilCalled(1);
  const fresh = gate.admit(token({ podUid: 'new' }), aStream(), on(2));
  ca.release();
  t.ok((await fresh).identity.hasValidSvid());
  t.ok(ca.tokens.length <= 3, `its token was the ${ca.tokens.length}th before the CA`);
  const codes = await Promise.all(flood);
  t.equal(codes.filter((code) => code === 'ERR_CA_OVERLOADED').length, 9500 - 4096, 'it has half of all places');
  t.equal(codes.filter((code) => code === 'ERR_CA_REFUSED_TOKEN').length, 4096);
});

t.test('a flood on a thousand connections of one process delays other processes by one turn', async (t) => {
  const { gate, ca, token } = openNode(t, hotPath, { maxInFlight: 1, maxWaiting: 8192 });
  ca.fault = 'hang';
  const flood = Array.from({ length: 3000 }, (_, index) =>
    gate.admit(token({ id: `${index}`, isForged: true }), aStream(), on(index % 1000, 0, 77)).catch(() => {}),
  );
  await ca.untilCalled(1);
  const fresh = gate.admit(token({ podUid: 'new' }), aStream(), on(5000, 0, 78));
  ca.release();
  await fresh;
  t.ok(ca.tokens.length <= 3, `its token was the ${ca.tokens.length}th before the CA`);
  await Promise.all(flood);
});

t.test('500 renewals that are due do not keep a new pod waiting', async (t) => {
  const { gate, ca, clock, token } = openNode(t, hotPath, { maxInFlight: 8 });
  const pods = Array.from({ length: 500 }, (_, index) =>
    gate.admit(token({ podUid: `pod-${index}` }), aStream(), on(1)),
  );
  for (const pod of await Promise.all(pods)) pod.hold();
  ca.fault = 'hang';
  // All renewals are due: 8 of them are before the CA, the others wait.
  clock.advance(1900_000);
  await ca.untilCalled(508);
  const fresh = gate.admit(token({ podUid: 'new' }), aStream(), on(2));
  ca.release();
  t.ok((await fresh).identity.hasValidSvid());
  t.ok(ca.tokens.length <= 508 + 16, `it was served after ${ca.tokens.length - 508} of 492 that waited`);
});

t.test('of 100 new pods and 100 renewals that wait together three pods go for each renewal', async (t) => {
  const { gate, ca, clock, token } = openNode(t, hotPath, { maxInFlight: 1 });
  const served = Array.from({ length: 100 }, (_, index) => token({ podUid: `served-${index}` }));
  for (const pod of await Promise.all(served.map((one) => gate.admit(one, aStream(), on(1))))) pod.hold();
  ca.fault = 'hang';
  clock.advance(1900_000);
  await ca.untilCalled(101);
  const fresh = Array.from({ length: 100 }, (_, index) => gate.admit(token({ podUid: `${index}` }), aStream(), on(2)));
  ca.release();
  await Promise.all(fresh);
  const isRenewal = new Set(served.map(String));
  const renewals = ca.tokens.slice(101).filter((one) => isRenewal.has(one)).length;
  t.equal(ca.tokens.slice(101).length - renewals, 100);
  t.ok(renewals >= 33 && renewals <= 35, `${renewals} renewals among 100 first certificates`);
});

t.test('a pod that is served is renewed in the midst of whatever waits to be proven', async (t) => {
  const { gate, ca, clock, token } = openNode(t, hotPath, { maxInFlight: 1 });
  const pod = await gate.admit(token({ podUid: 'served' }), aStream(), on(1));
  pod.hold();
  ca.fault = 'hang';
  const flood = Array.from({ length: 100 }, (_, index) =>
    gate.admit(token({ id: `${index}`, isForged: true }), aStream(), on(10 + index)).catch(() => {}),
  );
  await ca.untilCalled(2);
  const renewed = new Promise<void>((resolve) => pod.identity.onChange(() => resolve()));
  clock.advance(1900_000);
  ca.release();
  await renewed;
  // The first two were before the CA already; behind three more it has its turn.
  t.ok(ca.tokens.length <= 2 + 3 + 1, `it was the ${ca.tokens.length}th before the CA`);
  await Promise.all(flood);
});

t.test(
  'a flood on fifty connections keeps no new pod of the same user out, whose process nobody can tell',
  async (t) => {
    const { gate, ca, token } = openNode(t, hotPath, { maxInFlight: 1, maxWaiting: 8192 });
    ca.fault = 'hang';
    const flood = Array.from({ length: 15_000 }, (_, index) =>
      gate.admit(token({ id: `${index}`, isForged: true }), aStream(), on(index % 50)).then(() => 'none', errorCodeOf),
    );
    await ca.untilCalled(1);
    const fresh = Array.from({ length: 20 }, (_, index) =>
      gate.admit(token({ podUid: `new-${index}` }), aStream(), on(100 + index)),
    );
    ca.release();
    for (const pod of await Promise.all(fresh)) t.ok(pod.identity.hasValidSvid());
    t.ok(ca.tokens.length < 200, `they were served after ${ca.tokens.length} tokens`);
    const codes = await Promise.all(flood);
    t.equal(
      codes.filter((code) => code === 'ERR_CA_REFUSED_TOKEN').length,
      6144,
      'the flood has three quarters of all places',
    );
  },
);

t.test('a connection has half of all places, a user three quarters, and whoever comes then has some', async (t) => {
  const { gate, ca, token } = openNode(t, hotPath, { maxInFlight: 1, maxWaiting: 16 });
  ca.fault = 'hang';
  let id = 0;
  const admit = (connection: number, uid: number): Promise<string> => {
    id += 1;
    return gate
      .admit(token({ id: `${id}`, isForged: true }), aStream(), on(connection, uid))
      .then(() => '', errorCodeOf);
  };
  const waiting = Array.from({ length: 8 }, () => admit(1, 1));
  t.equal(await admit(1, 1), 'ERR_CA_OVERLOADED', 'the connection has as many as are free');
  waiting.push(...Array.from({ length: 4 }, (_, more) => admit(2 + more, 1)));
  t.equal(await admit(2, 1), 'ERR_CA_OVERLOADED', 'the user has three times as many as are free');
  waiting.push(admit(6, 1), admit(7, 1));
  t.equal(await admit(8, 1), 'ERR_CA_OVERLOADED', 'the first tokens of its connections have seven times as many');
  waiting.push(admit(9, 2), admit(10, 3));
  t.equal(await admit(11, 5), 'ERR_CA_OVERLOADED', 'all are taken');
  ca.release();
  t.strictSame(new Set(await Promise.all(waiting)), new Set(['ERR_CA_REFUSED_TOKEN']));
  t.equal(await admit(1, 1), 'ERR_CA_REFUSED_TOKEN', 'places are given back');
});
