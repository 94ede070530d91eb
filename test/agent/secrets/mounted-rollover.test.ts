import { X509Certificate } from 'node:crypto';
import t, { type Test } from 'tap';
import { SecretContent } from '../../../src/agent/identity/index.js';
import { MountedRollover, type MountedSet } from '../../../src/agent/secrets/mounted-rollover.js';
import { encodeValidationContext, trustedCaOf } from '../../../src/agent/secrets/secret-codec.js';
import { TrustBundle } from '../../../src/pki/spiffe/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { ecKeys } from '../../hotpath/pki.js';
import { FakeClock } from '../../support/fake-clock.js';
import { SLEEP } from '../../support/mounted-identity.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { TestCa } from '../../support/test-ca.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Streams ACK when the test says so. */
function setUp(t: Test) {
  const clock = new FakeClock(Date.now());
  const timers = new WallClockTimers(clock);
  t.teardown(() => timers.close());
  const waits: { bundle: SecretContent; timeoutMs: number; ack: () => void }[] = [];
  const delivery = {
    delivered: (bundle: SecretContent, { timeoutMs }: { timeoutMs: number }) =>
      new Promise<void>((ack) => waits.push({ bundle, timeoutMs, ack })),
  };
  const told: { certificate: boolean; bundle: boolean }[] = [];
  const logger = new RecordingLogger();
  const options = { delivery, timers, now: clock.now, logger };
  const rollover = new MountedRollover(options, (change) => told.push(change));
  t.teardown(() => rollover.close());
  const setOf = (serial: string, cas: readonly [TestCa, ...TestCa[]], lifeMs = HOUR_MS): MountedSet => ({
    chain: [new X509Certificate(cas[0].leaf(ecKeys(), { uris: [SLEEP] }))],
    ...{ spiffeId: undefined, serial, notBeforeMs: clock.now(), notAfterMs: clock.now() + lifeMs },
    certificate: new SecretContent('certificate', Buffer.from(serial)),
    bundle: new SecretContent(
      'validation-context',
      encodeValidationContext(Buffer.concat(cas.map(({ certificatePem }) => certificatePem))),
    ),
  });
  const served = () => ({ leaf: rollover.served?.serial, roots: rollover.served && rootsOf(rollover.served.bundle) });
  return { rollover, clock, waits, told, setOf, served, logger };
}

function rootsOf({ body }: SecretContent): string[] {
  const roots = TrustBundle.parsePem(Buffer.from(trustedCaOf(body))).list();
  return roots.map(({ subject }) => subject.replace('O=', '')).sort();
}

const [old, next, third] = [TestCa.root('old'), TestCa.root('next'), TestCa.root('third')];

t.test(
  'a new root that comes with its leaf is served beside the old one, and acknowledged, before the leaf',
  async (t) => {
    const { rollover, clock, waits, told, setOf, served } = setUp(t);
    rollover.take(setOf('a', [old]));
    t.same(served(), { leaf: 'a', roots: ['old'] });
    rollover.take(setOf('b', [next]));
    t.same(served(), { leaf: 'a', roots: ['next', 'old'] });
    t.equal(waits[0]?.bundle, rollover.served?.bundle);
    t.equal(waits[0]?.timeoutMs, 5000);
    waits[0]?.ack();
    await new Promise(setImmediate);
    t.same(served(), { leaf: 'b', roots: ['next', 'old'] });
    clock.advance(5 * MINUTE_MS + 1);
    t.same(served(), { leaf: 'b', roots: ['next'] }, 'peers have had the time to do the same');
    t.strictSame(told, [
      { certificate: true, bundle: true },
      { certificate: false, bundle: true },
      { certificate: true, bundle: false },
      { certificate: false, bundle: true },
    ]);
  },
);

t.test('a leaf that comes while another one waits takes its place, when its own root is there, too', async (t) => {
  const { rollover, waits, setOf, served } = setUp(t);
  rollover.take(setOf('a', [old]));
  const skipped = setOf('b', [next]);
  rollover.take(skipped);
  t.ok(rollover.uses(skipped.certificate));
  rollover.take(setOf('c', [third]));
  t.notOk(rollover.uses(skipped.certificate));
  waits[0]?.ack();
  await new Promise(setImmediate);
  t.same(served(), { leaf: 'a', roots: ['next', 'old', 'third'] });
  waits[1]?.ack();
  await new Promise(setImmediate);
  t.equal(served().leaf, 'c');
});

t.test('files that are put back take the new leaf back', async (t) => {
  const { rollover, waits, setOf, served } = setUp(t);
  rollover.take(setOf('a', [old]));
  rollover.take(setOf('b', [next]));
  rollover.take(setOf('a', [old]));
  waits[0]?.ack();
  await new Promise(setImmediate);
  t.match(served(), { leaf: 'a' });
});

t.test('nothing waits for a leaf that has expired, and no leaf waits where there is none', async (t) => {
  const { rollover, clock, waits, setOf, served } = setUp(t);
  rollover.take(setOf('a', [old], MINUTE_MS));
  clock.advance(MINUTE_MS);
  rollover.take(setOf('b', [next]));
  t.same(served(), { leaf: 'b', roots: ['next'] });
  t.equal(waits.length, 0);
});

t.test('nor for one whose root no longer works', async (t) => {
  const { rollover, clock, waits, setOf, served } = setUp(t);
  const short = TestCa.root('short', { notAfterMs: clock.now() + MINUTE_MS });
  rollover.take(setOf('a', [short]));
  t.ok(Date.parse(new X509Certificate(short.certificatePem).validTo) < clock.now() + HOUR_MS);
  clock.advance(2 * MINUTE_MS);
  rollover.take(setOf('b', [next]));
  t.same(served(), { leaf: 'b', roots: ['next'] });
  t.equal(waits.length, 0);
});

t.test('the wait is never longer than half of what is left of the served leaf', async (t) => {
  const { rollover, waits, setOf } = setUp(t);
  rollover.take(setOf('a', [old], 4000));
  rollover.take(setOf('b', [next]));
  t.equal(waits[0]?.timeoutMs, 2000);
});

t.test('a root that is taken out of the file beside the same leaf goes at once', async (t) => {
  const { rollover, setOf, served } = setUp(t);
  rollover.take(setOf('a', [old, next]));
  rollover.take(setOf('a', [old]));
  t.same(served(), { leaf: 'a', roots: ['old'] });
});

t.test(
  'roots that peers cannot tell apart are never served together: each refuses the leaves of the other',
  async (t) => {
    const { rollover, waits, setOf, served, logger } = setUp(t);
    rollover.take(setOf('a', [old]));
    rollover.take(setOf('b', [TestCa.root('old')]));
    t.same(served(), { leaf: 'b', roots: ['old'] });
    t.equal(waits.length, 0);
    t.match(logger.of('mounted roots of one name and without key identifiers replace each other at once'), [
      { level: 'warn' },
    ]);
  },
);
