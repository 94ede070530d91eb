import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import type { Authenticator } from '../../../src/citadel/authn/index.js';
import { type ErrorCode, IdentityError } from '../../../src/errors/index.js';
import { openGrpcClient } from '../../../src/net/grpc/index.js';
import { claimsOfBearer } from '../../../src/pki/service-account/index.js';
import { SpiffeId } from '../../../src/pki/spiffe/index.js';
import { startCitadel } from '../../support/citadel.js';
import { CitadelCaller, SERVER_NAME } from '../../support/citadel-caller.js';
import { FakeIssuing } from '../../support/fake-issuing.js';
import { foreignCsr } from '../../support/foreign-csr.js';
import { openHotPath } from '../../support/hot-path.js';
import { PATIENCE_MS } from '../../support/patience.js';
import { TokenIssuer } from '../../support/test-tokens.js';

const hotPath = openHotPath();
const csr = foreignCsr();

interface Limits {
  readonly maxInFlight?: number;
  readonly requestTimeoutMs?: number;
  readonly now?: () => number;
  /** Of the identity of a token. */
  readonly pathOf?: (token: string) => string;
}

let identities = 0;

/** A token of another identity each time. */
function identity(): string {
  identities += 1;
  return `id-${identities}`;
}

/** The answers that come first. */
function firstOf<T>(promises: readonly Promise<T>[], count: number): Promise<T[]> {
  return new Promise((resolve) => {
    const first: T[] = [];
    for (const promise of promises) {
      void promise.then((value) => {
        if (first.push(value) === count) resolve(first);
      });
    }
  });
}

/** A Citadel whose signing threads are in our hand. */
async function held(t: Test, { pathOf = (token) => `/ns/foo/sa/${token}`, ...limits }: Limits = {}) {
  const issuing = new FakeIssuing(hotPath);
  issuing.isHeld = true;
  let authenticated = 0;
  const authenticator: Authenticator = {
    async authenticate(token) {
      authenticated += 1;
      const spiffeId = SpiffeId.parse(`spiffe://cluster.local${pathOf(token)}`);
      return { spiffeId, podName: undefined, tokenExpiresAtMs: Date.now() + 3_600_000 };
    },
  };
  const citadel = await startCitadel(t, hotPath, { authenticator, hotPath: issuing, ...limits });
  t.teardown(() => issuing.release());
  const { caller, logger } = citadel;
  /** A caller on a connection of its own. */
  const another = () => new CitadelCaller(t, citadel);
  const { address, rootPem } = citadel;
  const peer = { address, rootPem, serverName: SERVER_NAME };
  return { ...{ caller, another, logger, issuing, peer }, authenticated: () => authenticated };
}

const ask = { token: 'any', csr };

t.test('more requests than may be in flight are refused at once, before anything is computed for them', async (t) => {
  const { caller, another, issuing, authenticated } = await held(t, { maxInFlight: 2 });
  const callers = [caller, another(), another()];
  const admitted = callers.slice(0, 2).map((each) => each.call({ ...ask, token: identity() }));
  await issuing.untilCalled(2);
  t.match(await callers[2]?.call(ask), {
    code: status.RESOURCE_EXHAUSTED,
    details: '2 requests are in flight, try again later',
  });
  t.equal(authenticated(), 2);
  t.equal(issuing.calls, 2);
  issuing.release();
  t.same(
    (await Promise.all(admitted)).map(({ code }) => code),
    [status.OK, status.OK],
  );
  t.equal((await caller.call(ask)).code, status.OK, 'there is room again');
});

t.test('only a request that is alone may have its certificate from the event loop', async (t) => {
  const { caller, another, issuing } = await held(t);
  const first = caller.call({ ...ask, token: identity() });
  await issuing.untilCalled(1);
  const second = another().call({ ...ask, token: identity() });
  await issuing.untilCalled(2);
  issuing.release();
  await Promise.all([first, second]);
  // The place of the last one is given back behind its answer.
  await issuing.untilAnswered(2);
  t.equal((await caller.call({ ...ask, token: identity() })).code, status.OK);
  t.same(issuing.alone, [true, false, true]);
});

t.test('the last places are for workloads without a certificate: a renewal does not get them', async (t) => {
  let nowMs = Date.now();
  const { another, issuing } = await held(t, { maxInFlight: 8, now: () => nowMs });
  const ids = Array.from({ length: 7 }, identity);
  issuing.release();
  for (const token of ids) t.equal((await another().call({ ...ask, token })).code, status.OK);
  issuing.isHeld = true;
  nowMs += 12 * 3_600_000;
  const renewals = ids.slice(0, 6).map((token) => another().call({ ...ask, token }));
  await issuing.untilCalled(7 + 6);
  t.match(await another().call({ ...ask, token: ids[6] ?? '' }), {
    code: status.RESOURCE_EXHAUSTED,
    details: /^6 requests are in flight, the other places are for workloads without a certificate/,
  });
  const firsts = [identity(), identity()].map((token) => another().call({ ...ask, token }));
  await issuing.untilCalled(7 + 6 + 2);
  issuing.release();
  for (const { code } of await Promise.all([...renewals, ...firsts])) t.equal(code, status.OK);
});

t.test('a renewal late in the life of its certificate gets the last places, too', async (t) => {
  let nowMs = Date.now();
  const { another, issuing } = await held(t, { maxInFlight: 4, now: () => nowMs });
  issuing.release();
  const token = identity();
  t.equal((await another().call({ ...ask, token })).code, status.OK);
  issuing.isHeld = true;
  nowMs += 17 * 3_600_000;
  const others = [identity(), identity(), identity()].map((each) => another().call({ ...ask, token: each }));
  await issuing.untilCalled(4);
  const renewal = another().call({ ...ask, token });
  await issuing.untilCalled(5);
  issuing.release();
  for (const { code } of await Promise.all([...others, renewal])) t.equal(code, status.OK);
});

t.test('a workload that asks again early has lost its key, and is served as one that has none', async (t) => {
  const { another, issuing } = await held(t, { maxInFlight: 4 });
  issuing.release();
  const [token, ...others] = [identity(), identity(), identity(), identity()];
  t.equal((await another().call({ ...ask, token })).code, status.OK);
  issuing.isHeld = true;
  const calls = [...others, token].map((each) => another().call({ ...ask, token: each }));
  await issuing.untilCalled(5);
  issuing.release();
  for (const { code } of await Promise.all(calls)) t.equal(code, status.OK);
});

t.test('a renewal that would not be served is refused by what its token says, before it is verified', async (t) => {
  let nowMs = Date.now();
  const { another, issuing, authenticated } = await held(t, {
    ...{ maxInFlight: 4, now: () => nowMs },
    pathOf: (token) => `/ns/foo/sa/${claimsOfBearer([token])?.subject?.split(':').at(-1) ?? token}`,
  });
  issuing.release();
  const issuer = new TokenIssuer();
  const unbound = { 'kubernetes.io': undefined };
  const token = await issuer.token('foo', 'renewing', unbound);
  t.equal((await another().call({ ...ask, token })).code, status.OK);
  issuing.isHeld = true;
  nowMs += 12 * 3_600_000;
  const inFlight = [identity(), identity(), identity()].map((each) => another().call({ ...ask, token: each }));
  await issuing.untilCalled(4);
  const before = authenticated();
  t.match(await another().call({ ...ask, token }), { code: status.RESOURCE_EXHAUSTED });
  t.equal(authenticated(), before);
  const first = another().call({ ...ask, token: await issuer.token('foo', 'new', unbound) });
  await issuing.untilCalled(5);
  issuing.release();
  for (const { code } of await Promise.all([...inFlight, first])) t.equal(code, status.OK);
});

t.test('callers that are refused are told when to come back', async (t) => {
  const { caller, issuing, peer } = await held(t, { maxInFlight: 1 });
  const admitted = caller.call(ask);
  await issuing.untilCalled(1);
  const client = openGrpcClient(peer);
  t.teardown(() => client.close());
  const calls = Array.from({ length: 50 }, () =>
    client.unary('/istio.v1.auth.IstioCertificateService/CreateCertificate', Buffer.alloc(0), {
      deadlineMs: Date.now() + PATIENCE_MS,
    }),
  );
  const outcomes = await Promise.allSettled(calls);
  const delays = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? outcome.reason.retryAfterMs : []));
  t.equal(delays.length, 50);
  t.ok(delays.every((ms) => ms >= 100 && ms < 15_000));
  issuing.release();
  t.equal((await admitted).code, status.OK);
});

t.test('a caller that has its share does not send the others to the end of a line', async (t) => {
  const { caller, another, issuing, peer } = await held(t, { maxInFlight: 4 });
  const greedy = Array.from({ length: 1000 }, () => caller.call({ ...ask, token: identity() }));
  await firstOf(greedy, 998);
  const others = [another(), another()].map((each) => each.call({ ...ask, token: identity() }));
  await issuing.untilCalled(4);
  const client = openGrpcClient(peer);
  t.teardown(() => client.close());
  const refusal = await client
    .unary('/istio.v1.auth.IstioCertificateService/CreateCertificate', Buffer.alloc(0), {
      deadlineMs: Date.now() + PATIENCE_MS,
    })
    .catch((error) => error);
  t.match(refusal.details, /^4 requests are in flight/);
  t.ok(refusal.retryAfterMs <= 101, 'it is the first of the line');
  issuing.release();
  for (const { code } of await Promise.all(others)) t.equal(code, status.OK);
});

t.test('one connection has half of all places, whatever tokens it brings, and others have the rest', async (t) => {
  const { caller, another, issuing } = await held(t, { maxInFlight: 8 });
  const greedy = Array.from({ length: 10 }, () => caller.call({ ...ask, token: identity() }));
  const refused = await firstOf(greedy, 6);
  t.ok(refused.every(({ code }) => code === status.RESOURCE_EXHAUSTED));
  t.match(
    refused[0]?.details,
    'this connection has its share of the requests in flight while others wait, try again later',
  );
  const other = another().call({ ...ask, token: identity() });
  await issuing.untilCalled(5);
  issuing.release();
  t.equal((await other).code, status.OK);
});

t.test('one identity has half of all places, over however many connections, and others are served', async (t) => {
  const { another, issuing } = await held(t, { maxInFlight: 8 });
  const hog = Array.from({ length: 4 }, () => another());
  const greedy = hog.flatMap((each) => [1, 2].map(() => each.call({ ...ask, token: 'hog' })));
  const refused = await firstOf(greedy, 4);
  t.ok(refused.every(({ code }) => code === status.RESOURCE_EXHAUSTED));
  t.match(
    refused[0]?.details,
    /^4 requests of spiffe:\/\/cluster.local\/ns\/foo\/sa\/hog are in flight, which is its share/,
  );
  const others = [another().call({ ...ask, token: 'a' }), another().call({ ...ask, token: 'b' })];
  await issuing.untilCalled(6);
  issuing.release();
  for (const { code } of await Promise.all(others)) t.equal(code, status.OK);
  const served = (await Promise.all(greedy)).filter(({ code }) => code === status.OK);
  t.equal(served.length, 4, 'what had a place is served');
  t.equal((await another().call({ ...ask, token: 'hog' })).code, status.OK, 'there is room again');
});

t.test(
  'what is refused is one line a minute for each reason and connection, with the count of the others',
  async (t) => {
    let nowMs = Date.now();
    const { caller, another, issuing, logger } = await held(t, { maxInFlight: 1, now: () => nowMs });
    const admitted = caller.call(ask);
    await issuing.untilCalled(1);
    const overload = async (each: typeof caller): Promise<void> => {
      const refused = await Promise.all(Array.from({ length: 10 }, () => each.call(ask)));
      t.ok(refused.every(({ code }) => code === status.RESOURCE_EXHAUSTED));
    };
    await overload(caller);
    await overload(caller);
    t.equal(logger.of('certificate refused').length, 1);
    await overload(another());
    t.equal(logger.of('certificate refused').length, 2);
    nowMs += 60_000;
    await overload(caller);
    t.match(logger.of('certificate refused'), [
      { level: 'warn', fields: { code: 'ERR_CITADEL_OVERLOADED', withheld: undefined } },
      { level: 'warn', fields: { withheld: 19 } },
      { level: 'warn', fields: { withheld: 9 } },
    ]);
    issuing.release();
    t.equal((await admitted).code, status.OK);
  },
);

t.test('two thousand refused tokens on one connection are one line', async (t) => {
  const { caller, logger } = await startCitadel(t, hotPath);
  for (let round = 0; round < 20; round += 1) {
    const calls = Array.from({ length: 100 }, (_, index) => caller.call({ token: `a.b.${round}.${index}`, csr }));
    for (const { code } of await Promise.all(calls)) t.equal(code, status.UNAUTHENTICATED);
  }
  t.equal(logger.of('certificate refused').length, 1);
});

t.test('a request that takes too long is answered in time; its place is free when its work has ended', async (t) => {
  const { caller, issuing, logger } = await held(t, { maxInFlight: 1, requestTimeoutMs: 20 });
  t.match(await caller.call(ask), {
    code: status.DEADLINE_EXCEEDED,
    details: 'the certificate was not ready after 20 ms',
  });
  t.match(logger.of('certificate refused'), [{ fields: { code: 'ERR_CITADEL_DEADLINE' } }]);
  t.equal((await caller.call(ask)).code, status.RESOURCE_EXHAUSTED, 'the thread is busy still');
  issuing.release();
  await issuing.untilAnswered(1);
  t.not((await caller.call(ask)).code, status.RESOURCE_EXHAUSTED);
});

t.test('a caller that goes away is no refusal, and its place is given back', async (t) => {
  const { caller, issuing, logger } = await held(t, { maxInFlight: 1 });
  const gone = new AbortController();
  const cancelled = caller.call({ ...ask, signal: gone.signal });
  await issuing.untilCalled(1);
  gone.abort();
  t.equal((await cancelled).code, status.CANCELLED);
  t.match(await logger.until('certificate request cancelled'), { level: 'debug', fields: { code: 'ERR_CANCELLED' } });
  t.equal(logger.of('certificate refused').length, 0);
  t.equal(issuing.signal?.isCancelled, true, 'a thread that has not begun need not begin');
  issuing.release();
  await issuing.untilAnswered(1);
  t.equal((await caller.call(ask)).code, status.OK);
  t.equal(logger.of('certificate issued').length, 1, 'nothing was signed for the one who has gone');
});

t.test('nothing is signed for a caller that has gone while its token was looked at', async (t) => {
  const issuing = new FakeIssuing(hotPath);
  let asked = (): void => {};
  const authenticating = new Promise<void>((resolve) => {
    asked = resolve;
  });
  let answer = (): void => {};
  const authenticator: Authenticator = {
    authenticate() {
      asked();
      return new Promise((resolve) => {
        const spiffeId = SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/sleep');
        answer = () => resolve({ spiffeId, podName: undefined, tokenExpiresAtMs: 0 });
      });
    },
  };
  const { caller, logger } = await startCitadel(t, hotPath, { authenticator, hotPath: issuing });
  const gone = new AbortController();
  const cancelled = caller.call({ ...ask, signal: gone.signal });
  await authenticating;
  gone.abort();
  await logger.until('certificate request cancelled');
  answer();
  await cancelled;
  t.equal(issuing.calls, 0);
});

const failures: readonly { code: ErrorCode; want: status; details: RegExp }[] = [
  { code: 'ERR_HOTPATH_OVERLOADED', want: status.RESOURCE_EXHAUSTED, details: /^what went wrong$/ },
  { code: 'ERR_HOTPATH_DEADLINE', want: status.DEADLINE_EXCEEDED, details: /^what went wrong$/ },
  { code: 'ERR_HOTPATH_CLOSED', want: status.UNAVAILABLE, details: /^what went wrong$/ },
  { code: 'ERR_HOTPATH_FAILED', want: status.INTERNAL, details: /^CSR signing error \(what went wrong\)$/ },
  { code: 'ERR_SIGNER_INVALID', want: status.INTERNAL, details: /^CSR signing error \(what went wrong\)$/ },
];

for (const { code, want, details } of failures) {
  t.test(`${code} of the signing threads reaches the caller as ${status[want]}`, async (t) => {
    const issuing = new FakeIssuing(hotPath);
    issuing.failure = new IdentityError(code, 'what went wrong');
    const { caller, issuer, logger } = await startCitadel(t, hotPath, { hotPath: issuing });
    t.match(await caller.call({ token: await issuer.token(), csr }), { code: want, details });
    t.match(logger.of('certificate refused'), [{ fields: { code, reason: 'what went wrong' } }]);
  });
}

t.test('an error that nobody foresaw says nothing to the caller and all to the log', async (t) => {
  const issuing = new FakeIssuing(hotPath);
  issuing.failure = new TypeError('cannot read /etc/secret');
  const { caller, issuer, logger } = await startCitadel(t, hotPath, { hotPath: issuing });
  t.match(await caller.call({ token: await issuer.token(), csr }), {
    code: status.INTERNAL,
    details: 'CSR signing error (internal error)',
  });
  t.match(logger.of('certificate refused'), [{ fields: { code: 'ERR_INTERNAL', reason: 'cannot read /etc/secret' } }]);
});
