import t, { type Test } from 'tap';
import { Pods, TokenGate } from '../../../src/agent/admission/index.js';
import { SvidIssuance } from '../../../src/agent/identity/index.js';
import { type CancelSignal, CancelSource } from '../../../src/cancellation/index.js';
import { errorCodeOf } from '../../../src/errors/index.js';
import { SpiffeId } from '../../../src/pki/spiffe/index.js';
import { silentLogger } from '../../../src/telemetry/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { CountingSource, cancelledSignal } from '../../support/cancel-signals.js';
import { FakeClock } from '../../support/fake-clock.js';
import { openHotPath } from '../../support/hot-path.js';
import { InProcessCa } from '../../support/in-process-ca.js';
import { isRemembered } from '../../support/node-pods.js';
import { collectWarnings } from '../../support/process-warnings.js';

const TTL_MS = 3600_000;

/** What a stream of its own, which does not end, passes to the gate. As in the agent, no two share a signal. */
const aStream = (): CancelSignal => new CancelSource();

const hotPath = openHotPath();

function setUp(t: Test, graceMs = Number.POSITIVE_INFINITY) {
  const clock = new FakeClock(Date.now());
  const timers = new WallClockTimers(clock);
  const ca = new InProcessCa(hotPath, clock.now);
  const issuance = new SvidIssuance({
    ...{ keyType: 'ec-p256', ttlMs: TTL_MS, issuer: ca, hotPath, maxInFlight: 1, now: clock.now },
  });
  const surroundings = { issuance, timers, now: clock.now, random: () => 0.5, logger: silentLogger };
  const pods = new Pods({ ...surroundings, maxPods: 1, graceMs, proofAgeMs: 600_000 });
  const pod = { spiffeId: SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/sleep'), key: '', podUid: undefined };
  const gate = new TokenGate({ ...surroundings, pods, podOf: () => pod, maxWaiting: 32 });
  t.teardown(async () => {
    await gate.close();
    await pods.close();
    timers.close();
  });
  const token = (name: string, lifeMs = 12 * 3600_000): Buffer => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = {
      sub: 'system:serviceaccount:foo:sleep',
      jti: name,
      exp: Math.floor((clock.now() + lifeMs) / 1000),
    };
    return Buffer.from(`${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`);
  };
  return { clock, ca, gate, pods, token };
}

t.test('two streams with the same token cost one CSR, and a third costs none', async (t) => {
  const { ca, gate, pods, token } = setUp(t);
  const same = token('a');
  await Promise.all([gate.admit(same, aStream()), gate.admit(Buffer.from(same), aStream())]);
  await gate.admit(Buffer.from(same), aStream());
  t.equal(ca.tokens.length, 1);
  t.ok(pods.hasValidSvid());
});

t.test('a cached SVID goes to no stream whose own token the CA has not accepted', async (t) => {
  const { ca, gate, token } = setUp(t);
  await gate.admit(token('good'), aStream());
  ca.fault = 'ERR_CA_REFUSED_TOKEN';
  await t.rejects(gate.admit(token('bad'), aStream()), { code: 'ERR_CA_REFUSED_TOKEN' });
  t.equal(ca.tokens.length, 2, 'the other token was put before the CA');
});

t.test('a good token of another workload is refused', async (t) => {
  const { ca, gate, pods, token } = setUp(t);
  ca.identityOf = () => 'spiffe://cluster.local/ns/foo/sa/httpbin';
  await t.rejects(gate.admit(token('of httpbin'), aStream()), { code: 'ERR_TOKEN_REFUSED' });
  t.notOk(pods.hasValidSvid());
});

t.test('a refused token that comes back at once is refused from memory, later it gets another chance', async (t) => {
  const { ca, clock, gate, token } = setUp(t);
  const bad = token('bad');
  ca.fault = 'ERR_CA_REFUSED_TOKEN';
  for (let attempt = 0; attempt < 50; attempt += 1) {
    await t.rejects(gate.admit(Buffer.from(bad), aStream()), { code: 'ERR_CA_REFUSED_TOKEN' });
  }
  t.equal(ca.tokens.length, 1);
  clock.advance(6000);
  ca.fault = 'none';
  await gate.admit(Buffer.from(bad), aStream());
  t.equal(ca.tokens.length, 2);
});

t.test('while the CA is away a new token waits, and passes when the CA is back', async (t) => {
  const { ca, clock, gate, token } = setUp(t);
  ca.fault = 'ERR_CA_UNAVAILABLE';
  const admitted = gate.admit(token('a'), aStream());
  for (let call = 1; call <= 5; call += 1) {
    await ca.untilCalled(call);
    await clock.untilArmed();
    clock.advance(1000);
  }
  ca.fault = 'none';
  await ca.untilCalled(6).then(() => clock.advance(1000));
  await admitted;
});

t.test('while the CA is away a token that it has accepted before passes at once', async (t) => {
  const { ca, gate, token } = setUp(t);
  const known = token('a');
  await gate.admit(known, aStream());
  ca.fault = 'ERR_CA_UNAVAILABLE';
  await gate.admit(Buffer.from(known), aStream());
  t.equal(ca.tokens.length, 1);
});

t.test('acceptance ends with the token', async (t) => {
  const { ca, clock, gate, token } = setUp(t);
  const short = token('short', 600_000);
  await gate.admit(short, aStream());
  clock.advance(601_000);
  await t.rejects(gate.admit(Buffer.from(short), aStream()), { code: 'ERR_TOKEN_EXPIRED' });
  t.equal(ca.tokens.length, 1);
});

t.test('a stream that goes away while its token waits is let go', async (t) => {
  const { ca, gate, token } = setUp(t);
  ca.fault = 'hang';
  const gone = new CancelSource();
  const admitted = gate.admit(token('a'), gone);
  await ca.untilCalled(1);
  gone.cancel();
  await t.rejects(admitted, { code: 'ERR_CANCELLED' });
  ca.release();
});

t.test('a stream that has gone already costs no CSR, and the refusal of its token goes to nobody', async (t) => {
  const { ca, gate, token } = setUp(t);
  ca.fault = 'ERR_CA_REFUSED_TOKEN';
  await t.rejects(gate.admit(token('a'), cancelledSignal()), { code: 'ERR_CANCELLED' });
  // A call that runs behind it in the same queue shows that nothing was put before the CA.
  await t.rejects(gate.admit(token('b'), aStream()), { code: 'ERR_CA_REFUSED_TOKEN' });
  t.equal(ca.tokens.length, 1);
});

t.test('a flood of different tokens is refused early', async (t) => {
  const { ca, gate, token } = setUp(t);
  const warnings = collectWarnings(t);
  ca.fault = 'hang';
  const waiting = Array.from({ length: 32 }, (_, connection) =>
    gate.admit(token(`t${connection}`), aStream(), { uid: undefined, pid: undefined, connection }),
  );
  await t.rejects(gate.admit(token('one more'), aStream()), { code: 'ERR_CA_OVERLOADED' });
  ca.release();
  await Promise.all(waiting);
  t.same(warnings, []);
});

for (const outcome of ['accepted', 'refused', 'abandoned'] as const) {
  t.test(`a wait that ends ${outcome} leaves nothing behind on its stream`, async (t) => {
    const { ca, gate, token } = setUp(t);
    ca.fault = 'hang';
    const stream = new CountingSource();
    const admitted = gate.admit(token('a'), stream).then(() => undefined, errorCodeOf);
    await ca.untilCalled(1);
    t.equal(stream.waiting, 1);
    if (outcome === 'abandoned') stream.cancel();
    ca.release();
    if (outcome === 'refused') ca.fault = 'ERR_CA_REFUSED_TOKEN';
    const code = { accepted: undefined, refused: 'ERR_CA_REFUSED_TOKEN', abandoned: 'ERR_CANCELLED' }[outcome];
    t.equal(await admitted, code);
    t.equal(stream.waiting, 0);
  });
}

t.test('what is no token never reaches the CA', async (t) => {
  const { ca, gate } = setUp(t);
  const cases = [
    ['', 'ERR_TOKEN_MISSING'],
    ['abc', 'ERR_TOKEN_MALFORMED'],
    ['a.b.', 'ERR_TOKEN_MALFORMED'],
    ['e30.bm9qc29u.c2ln', 'ERR_TOKEN_MALFORMED'],
    ['e30.bnVsbA.c2ln', 'ERR_TOKEN_MALFORMED'],
    [`e30.${'A'.repeat(40_000)}.c2ln`, 'ERR_TOKEN_MALFORMED'],
    ['e30.eyJleHAiOjF9.c2ln', 'ERR_TOKEN_EXPIRED'],
    // Other spellings of the same octets: each would be another token to us.
    ['e30.eyJleHAiOjF9.c2lnbh', 'ERR_TOKEN_MALFORMED'],
    ['e31.e30.c2ln', 'ERR_TOKEN_MALFORMED'],
    // Its payload is not UTF-8.
    [`e30.${Buffer.from('{"a":"\xff"}', 'latin1').toString('base64url')}.c2ln`, 'ERR_TOKEN_MALFORMED'],
    ['e30.e31.c2ln', 'ERR_TOKEN_MALFORMED'],
    // exp is a text, and beyond all numbers.
    [`e30.${Buffer.from('{"exp":"never"}').toString('base64url')}.c2ln`, 'ERR_TOKEN_MALFORMED'],
    [`e30.${Buffer.from('{"exp":1e400}').toString('base64url')}.c2ln`, 'ERR_TOKEN_MALFORMED'],
  ] as const;
  for (const [text, code] of cases) {
    await t.rejects(gate.admit(Buffer.from(text), aStream()), { code }, JSON.stringify(text.slice(0, 20)));
  }
  t.equal(ca.tokens.length, 0);
});

t.test('a renewal uses the newest accepted token', async (t) => {
  const { ca, clock, gate, token } = setUp(t);
  const { identity } = await gate.admit(token('old'), aStream());
  const newest = token('new');
  await gate.admit(Buffer.from(newest), aStream());
  const renewed = new Promise<void>((resolve) => identity.onChange(() => resolve()));
  clock.advance(TTL_MS / 2 + 1000);
  await renewed;
  t.equal(ca.tokens.at(-1), newest.toString());
});

t.test('a renewal whose token has ended asks the streams to start anew, once', async (t) => {
  const { clock, gate, token } = setUp(t);
  const pod = await gate.admit(token('short', TTL_MS / 4), aStream());
  const { identity } = pod;
  let asked = 0;
  const stop = pod.onTokenNeeded(() => {
    asked += 1;
  });
  const nextFailure = (): Promise<unknown> =>
    new Promise((resolve) => {
      const ignore = identity.onRenewalFailure((error) => {
        ignore();
        resolve(error);
      });
    });
  let failure = nextFailure();
  clock.advance(TTL_MS / 2 + 1000);
  t.match(await failure, { code: 'ERR_TOKEN_EXPIRED' });
  t.equal(asked, 1);
  t.ok(identity.hasValidSvid(), 'what is held is served on');
  failure = nextFailure();
  clock.advance(30_000);
  t.match(await failure, { code: 'ERR_TOKEN_MISSING' });
  t.equal(asked, 1);
  stop();
  await gate.admit(token('fresh'), aStream());
  t.ok(identity.hasValidSvid());
});

t.test(
  'after the newest token was refused, an older one is proven again, and is then good for renewals, too',
  async (t) => {
    const { ca, clock, gate, token } = setUp(t);
    const older = token('older');
    const { identity } = await gate.admit(Buffer.from(older), aStream());
    await gate.admit(token('newest'), aStream());
    ca.fault = 'ERR_CA_REFUSED_TOKEN';
    const failed = new Promise((resolve) => identity.onRenewalFailure(resolve));
    clock.advance(TTL_MS / 2 + 1000);
    t.match(await failed, { code: 'ERR_CA_REFUSED_TOKEN' });
    ca.fault = 'none';
    const renewed = new Promise<'renewed'>((resolve) => identity.onChange(() => resolve('renewed')));
    const failedAgain = new Promise((resolve) => identity.onRenewalFailure(resolve));
    const asked = ca.tokens.length;
    await gate.admit(Buffer.from(older), aStream());
    t.strictSame(ca.tokens.slice(asked), [older.toString()], 'no token of the pod passes from memory');
    t.equal(await Promise.race([renewed, failedAgain]), 'renewed');
    clock.advance(TTL_MS / 2 + 1000);
    await ca.untilCalled(asked + 2);
    t.equal(ca.tokens.at(-1), older.toString());
  },
);

t.test('a token that the CA no longer accepts loses its pass', async (t) => {
  const { ca, clock, gate, token } = setUp(t);
  const revoked = token('revoked');
  const { identity } = await gate.admit(Buffer.from(revoked), aStream());
  ca.fault = 'ERR_CA_REFUSED_TOKEN';
  const failed = new Promise((resolve) => identity.onRenewalFailure(resolve));
  clock.advance(TTL_MS / 2 + 1000);
  await failed;
  await t.rejects(gate.admit(Buffer.from(revoked), aStream()), { code: 'ERR_CA_REFUSED_TOKEN' });
});

/** Moves the clock to where a proof has aged, without a renewal on the way: those come at half of an hour. */
const AGED_MS = 601_000;

t.test('ten minutes after its proof a token is proven again for a new stream, which is no rotation', async (t) => {
  const { ca, clock, gate, token } = setUp(t);
  const own = token('a');
  const { identity } = await gate.admit(own, aStream());
  identity.onChange(() => t.fail('a rotation'));
  const before = identity.certificate()?.version;
  clock.advance(599_000);
  await gate.admit(own, aStream());
  t.equal(ca.tokens.length, 1);
  clock.advance(2000);
  await Promise.all([gate.admit(own, aStream()), gate.admit(Buffer.from(own), aStream())]);
  t.equal(ca.tokens.length, 2, 'two streams, one question');
  await gate.admit(own, aStream());
  t.equal(ca.tokens.length, 2, 'fresh again');
  t.equal(identity.certificate()?.version, before);
});

t.test('a token that was revoked meanwhile is refused then, and is of no use for renewals', async (t) => {
  const { ca, clock, gate, pods, token } = setUp(t);
  const own = token('a');
  const { identity } = await gate.admit(own, aStream());
  clock.advance(AGED_MS);
  ca.fault = 'ERR_CA_REFUSED_TOKEN';
  await t.rejects(gate.admit(own, aStream()), { code: 'ERR_CA_REFUSED_TOKEN' });
  await t.rejects(gate.admit(own, aStream()), { code: 'ERR_CA_REFUSED_TOKEN' });
  t.equal(ca.tokens.length, 2);
  t.notOk(isRemembered(pods, own));
  const failed = new Promise((resolve) => identity.onRenewalFailure(resolve));
  clock.advance(TTL_MS / 2);
  t.match(await failed, { code: 'ERR_TOKEN_MISSING' });
});

t.test(
  'where the CA fails at once, an aged token waits for half a second at most, and the next one not at all',
  async (t) => {
    const { ca, clock, gate, token } = setUp(t);
    const own = token('a');
    const pod = await gate.admit(own, aStream());
    clock.advance(AGED_MS);
    ca.fault = 'ERR_CA_UNAVAILABLE';
    const first = gate.admit(own, aStream());
    await ca.untilCalled(2);
    clock.advance(1000);
    t.equal(await first, pod);
    const asked = ca.tokens.length;
    t.equal(await gate.admit(own, aStream()), pod);
    t.equal(ca.tokens.length, asked, 'nobody was asked');
  },
);

t.test(
  'where the CA is silent, an aged token passes after half a second, and is proven when the CA is back',
  async (t) => {
    const { ca, clock, gate, token } = setUp(t);
    const own = token('a');
    const pod = await gate.admit(own, aStream());
    clock.advance(AGED_MS);
    ca.fault = 'hang';
    const first = gate.admit(own, aStream());
    await ca.untilCalled(2);
    clock.advance(500);
    t.equal(await first, pod);
    ca.release();
    clock.advance(31_000);
    ca.fault = 'ERR_CA_REFUSED_TOKEN';
    await t.rejects(gate.admit(own, aStream()), { code: 'ERR_CA_REFUSED_TOKEN' });
  },
);

t.test('a pod does not end while a token of it is proven again, though no stream holds it', async (t) => {
  const { ca, clock, gate, pods, token } = setUp(t, AGED_MS + 200);
  const own = token('a');
  const pod = await gate.admit(own, aStream());
  clock.advance(AGED_MS);
  ca.fault = 'hang';
  const admitted = gate.admit(own, aStream());
  await ca.untilCalled(2);
  clock.advance(500);
  t.equal(await admitted, pod);
  t.ok(pods.hasValidSvid(), 'the stream gets what is alive');
  clock.advance(AGED_MS + 200);
  t.equal(pods.size, 0, 'it ends when nobody comes to hold it');
  ca.release();
});

t.test('after a failed renewal that the CA did not answer, aged tokens pass at once', async (t) => {
  const { ca, clock, gate, token } = setUp(t);
  const own = token('a');
  const pod = await gate.admit(own, aStream());
  ca.fault = 'ERR_CA_DEADLINE';
  const failed = new Promise((resolve) => pod.identity.onRenewalFailure(resolve));
  clock.advance(TTL_MS / 2 + 1000);
  await failed;
  const asked = ca.tokens.length;
  t.equal(await gate.admit(own, aStream()), pod);
  t.equal(ca.tokens.length, asked);
});

t.test('a stream that ends while its aged token is proven again is let go', async (t) => {
  const { ca, clock, gate, token } = setUp(t);
  const own = token('a');
  await gate.admit(own, aStream());
  clock.advance(AGED_MS);
  ca.fault = 'hang';
  const gone = new CountingSource();
  const admitted = gate.admit(own, gone);
  await ca.untilCalled(2);
  gone.cancel();
  await t.rejects(admitted, { code: 'ERR_CANCELLED' });
  t.equal(gone.waiting, 0);
  ca.release();
});

t.test('when the CA refuses the token of a renewal, none of the tokens of its pod passes any more', async (t) => {
  const { ca, clock, gate, pods, token } = setUp(t);
  const six = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => token(name));
  let pod = await gate.admit(six[0] ?? Buffer.alloc(0), aStream());
  for (const each of six.slice(1)) pod = await gate.admit(each, aStream());
  let asked = 0;
  pod.onTokenNeeded(() => {
    asked += 1;
  });
  clock.advance(TTL_MS / 2 - 60_000);
  const calls = ca.tokens.length;
  ca.fault = 'ERR_CA_REFUSED_TOKEN';
  const failed = new Promise((resolve) => pod.identity.onRenewalFailure(resolve));
  clock.advance(120_000);
  await failed;
  t.equal(asked, 1, 'streams that are open start anew, and have to prove their token');
  t.notOk(six.some((each) => isRemembered(pods, each)));
  for (const each of six) await t.rejects(gate.admit(each, aStream()), { code: 'ERR_CA_REFUSED_TOKEN' });
  t.equal(ca.tokens.length - calls, 7, 'one renewal, six proofs');
  ca.fault = 'none';
  clock.advance(6000);
  t.equal(await gate.admit(six[3] ?? Buffer.alloc(0), aStream()), pod, 'proven again, it passes');
});
