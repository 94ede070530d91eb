import t, { type Test } from 'tap';
import { BundleInterner, type SvidChange } from '../../../src/agent/identity/index.js';
import { SvidPublisher } from '../../../src/agent/identity/svid-publisher.js';
import { encodeBundleSecret, type SealedSvid } from '../../../src/hotpath/index.js';
import { envoy } from '../../../src/net/protobuf/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { TestCa } from '../../support/test-ca.js';

const { Secret } = envoy.extensions.transport_sockets.tls.v3;

const HOUR_MS = 3_600_000;
const NOW_MS = Math.floor(Date.now() / 1000) * 1000;
const soon = TestCa.root('soon', { notAfterMs: NOW_MS + HOUR_MS });
const later = TestCa.root('later', { notAfterMs: NOW_MS + 3 * HOUR_MS });

const pemOf = (...roots: readonly TestCa[]): string =>
  roots.map(({ certificatePem }) => String(certificatePem)).join('');

function setUp(t: Test) {
  const clock = new FakeClock(NOW_MS);
  const timers = new WallClockTimers(clock);
  const logger = new RecordingLogger();
  const delivery = { delivered: async () => {} };
  const bundles = new BundleInterner();
  const published = new SvidPublisher({ timers, now: clock.now, logger, delivery, bundles, logFields: {} });
  const changes: SvidChange[] = [];
  published.onChange((change) => changes.push(change));
  t.teardown(() => {
    published.close();
    timers.close();
  });
  /** What the CA has answered, with this bundle. */
  const publish = (bundlePem: string, serial: string): void => {
    const sealed: SealedSvid = {
      ...{
        certificateBody: Buffer.from(`leaf ${serial}`),
        bundleBody: encodeBundleSecret(Buffer.from(bundlePem)),
        serial,
      },
      ...{ notBeforeMs: NOW_MS - 1000, notAfterMs: NOW_MS + 10 * HOUR_MS },
    };
    published.publish({ sealed, rotateAtMs: NOW_MS + 5 * HOUR_MS, startedAtMs: NOW_MS });
  };
  const served = (): string => {
    const { validationContext } = Secret.decode(published.held?.bundle.body ?? Buffer.alloc(0));
    return String(validationContext?.trustedCa?.inlineBytes);
  };
  return { clock, timers, logger, published, changes, publish, served };
}

t.test('a root that expires while it is served is left out at that moment, and streams are told', async (t) => {
  const { clock, changes, publish, served, logger } = setUp(t);
  publish(pemOf(soon, later), '1');
  t.equal(served(), pemOf(soon, later));
  clock.advance(HOUR_MS);
  t.equal(served(), pemOf(soon, later), 'the last moment of its validity belongs to it');
  clock.advance(1);
  t.equal(served(), pemOf(later));
  t.same(changes.at(-1), { certificate: false, bundle: true });
  t.equal(logger.of('trust bundle changed').length, 1);
});

t.test('an answer with the same roots plans nothing, one with others does', async (t) => {
  const { timers, publish } = setUp(t);
  const planned: number[] = [];
  const { schedule } = timers;
  timers.schedule = (dueAtMs, call) => {
    planned.push(dueAtMs);
    return schedule.call(timers, dueAtMs, call);
  };
  for (const serial of ['1', '2', '3']) publish(pemOf(soon, later), serial);
  t.same(planned, [NOW_MS + HOUR_MS + 1]);
  publish(pemOf(later), '4');
  t.same(
    planned,
    [NOW_MS + HOUR_MS + 1, NOW_MS + HOUR_MS + 1],
    'the root that the CA has dropped goes at the same moment',
  );
});

t.test('an answer that still has, or no longer has, what has expired changes nothing more', async (t) => {
  const { clock, changes, publish, served, published } = setUp(t);
  publish(pemOf(soon, later), '1');
  clock.advance(HOUR_MS + 1);
  const { version } = published.held?.bundle ?? {};
  const before = changes.length;
  publish(pemOf(soon, later), '2');
  publish(pemOf(later), '3');
  t.equal(served(), pemOf(later));
  t.equal(published.held?.bundle.version, version);
  t.same(changes.slice(before), [
    { certificate: true, bundle: false },
    { certificate: true, bundle: false },
  ]);
});

t.test('the last root stays when it expires, with a warning', async (t) => {
  const { clock, publish, served, logger } = setUp(t);
  publish(pemOf(soon), '1');
  clock.advance(HOUR_MS + 1);
  t.equal(served(), pemOf(soon), 'a bundle is never empty');
  t.equal(logger.of('all certificates of the trust bundle have expired, the last ones stay').length, 1);
  clock.advance(HOUR_MS);
  t.equal(logger.of('all certificates of the trust bundle have expired, the last ones stay').length, 1, 'said once');
});

t.test('a bundle without a self-signed root is warned of, once', async (t) => {
  const { publish, logger } = setUp(t);
  publish(pemOf(later), '1');
  t.equal(logger.of('the trust bundle has no self-signed root').length, 0);
  const middle = later.intermediate('middle');
  publish(pemOf(middle), '2');
  publish(pemOf(middle), '3');
  t.equal(logger.of('the trust bundle has no self-signed root').length, 1);
});
