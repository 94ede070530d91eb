import { status } from '@grpc/grpc-js';
import t, { type Test } from 'tap';
import type { Authenticator } from '../../src/citadel/index.js';
import { type ErrorCode, IdentityError } from '../../src/errors/index.js';
import { SpiffeId } from '../../src/spiffe/index.js';
import { startCitadel } from '../support/citadel.js';
import { FakeIssuing } from '../support/fake-issuing.js';
import { foreignCsr } from '../support/foreign-csr.js';
import { openHotPath } from '../support/hot-path.js';

const hotPath = openHotPath();
const csr = foreignCsr();

interface Limits {
  readonly maxInFlight?: number;
  readonly requestTimeoutMs?: number;
}

/** A Citadel whose signing threads are in our hand. */
async function held(t: Test, limits: Limits = {}) {
  const issuing = new FakeIssuing(hotPath);
  issuing.isHeld = true;
  let authenticated = 0;
  const authenticator: Authenticator = {
    async authenticate() {
      authenticated += 1;
      const spiffeId = SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/sleep');
      return { spiffeId, podName: undefined, tokenExpiresAtMs: Date.now() + 3_600_000 };
    },
  };
  const { caller, logger } = await startCitadel(t, hotPath, { authenticator, hotPath: issuing, ...limits });
  t.teardown(() => issuing.release());
  return { ...{ caller, logger, issuing }, authenticated: () => authenticated };
}

const ask = { token: 'any', csr };

t.test('more requests than may be in flight are refused at once, before anything is computed for them', async (t) => {
  const { caller, issuing, authenticated } = await held(t, { maxInFlight: 2 });
  const admitted = [caller.call(ask), caller.call(ask)];
  await issuing.untilCalled(2);
  t.match(await caller.call(ask), {
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

t.test('an overload is one line in the log, however many it turns away, and the next one is another', async (t) => {
  const { caller, issuing, logger } = await held(t, { maxInFlight: 1 });
  for (const overload of [1, 2]) {
    issuing.isHeld = true;
    const admitted = caller.call(ask);
    await issuing.untilCalled(overload);
    const refused = await Promise.all(Array.from({ length: 10 }, () => caller.call(ask)));
    t.ok(refused.every(({ code }) => code === status.RESOURCE_EXHAUSTED));
    t.equal(logger.of('certificate refused').length, overload);
    issuing.release();
    t.equal((await admitted).code, status.OK);
  }
  t.match(logger.of('certificate refused')[0], { level: 'warn', fields: { code: 'ERR_CITADEL_OVERLOADED' } });
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
  t.equal(issuing.signal?.aborted, true, 'a thread that has not begun need not begin');
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
