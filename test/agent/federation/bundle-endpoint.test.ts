import t, { type Test } from 'tap';
import { nextFetchMs } from '../../../src/agent/federation/fetch-schedule.js';
import { BundleEndpoint } from '../../../src/agent/federation/index.js';
import { IdentityError } from '../../../src/errors/index.js';
import { Metric, MetricRegistry, RateLimitedLogger } from '../../../src/telemetry/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { spiffeBundle } from '../../support/spiffe-bundle.js';
import { TestCa } from '../../support/test-ca.js';

const HOUR_MS = 3_600_000;
const NOW_MS = Math.floor(Date.now() / 1000) * 1000;
const LIFE = { notAfterMs: NOW_MS + 1000 * HOUR_MS };
const [one, two] = [TestCa.root('one', LIFE), TestCa.root('two', LIFE)];
const ending = TestCa.root('ending', { notAfterMs: NOW_MS + HOUR_MS });
const expired = TestCa.root('expired', { notAfterMs: NOW_MS - HOUR_MS });
const pems = (...cas: readonly TestCa[]): string => cas.map(({ certificatePem }) => String(certificatePem)).join('');

/** An endpoint that gives what the test says. */
function setUp(t: Test) {
  const clock = new FakeClock(NOW_MS);
  const timers = new WallClockTimers(clock);
  const [logger, metrics] = [new RecordingLogger(), new MetricRegistry()];
  let answer: () => Promise<Buffer> = async () => spiffeBundle([one]);
  const state = { fetches: 0, told: 0 };
  const endpoint = new BundleEndpoint({
    ...{ trustDomain: 'other', url: 'https://other/', timers, metrics, now: clock.now, random: () => 0 },
    log: new RateLimitedLogger(logger, clock.now),
    fetch() {
      state.fetches += 1;
      return answer();
    },
    onRoots: () => {
      state.told += 1;
    },
  });
  t.teardown(async () => {
    await endpoint.close();
    timers.close();
  });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return {
    ...{ clock, endpoint, state, logger, metrics },
    served: () => String(endpoint.roots?.toPem()),
    async gives(document: Buffer | IdentityError) {
      answer = async () => {
        if (document instanceof IdentityError) throw document;
        return document;
      };
      const { nextFetchMs: atMs } = endpoint.status;
      if (atMs === undefined) endpoint.fetchNow();
      else clock.advance(atMs - clock.now());
      await settled();
    },
  };
}

const away = new IdentityError('ERR_BUNDLE_ENDPOINT_UNAVAILABLE', 'away');

t.test('an endpoint is asked as often as its document says', async (t) => {
  const { clock, endpoint, state, gives, served, metrics, logger } = setUp(t);
  await gives(spiffeBundle([one], { refreshHint: 600, sequence: 1 }));
  t.equal(served(), pems(one));
  t.match(endpoint.status, { sequence: 1, fetchedAtMs: NOW_MS, nextFetchMs: NOW_MS + 600_000, lastFailure: undefined });
  clock.advance(599_000);
  t.equal(state.fetches, 1);
  await gives(spiffeBundle([one, two], { sequence: 2 }));
  t.equal(served(), pems(one, two));
  t.equal(endpoint.status.nextFetchMs, NOW_MS + 900_000, 'five minutes where it does not say');
  t.equal(metrics.counter(Metric.federatedBundleFetches, { trust_domain: 'other', code: 'OK' }).value, 2);
  t.match(logger.of('federated bundle fetched'), [{ fields: { bundle_size: 1 } }, { fields: { bundle_size: 2 } }]);
});

const refused: { name: string; document: Buffer | IdentityError; code: string }[] = [
  { name: 'is away', document: away, code: away.code },
  { name: 'answers garbage', document: Buffer.from('<html>'), code: 'ERR_BUNDLE_INVALID' },
  { name: 'answers no root', document: spiffeBundle([]), code: 'ERR_BUNDLE_INVALID' },
  { name: 'answers expired roots', document: spiffeBundle([expired]), code: 'ERR_BUNDLE_INVALID' },
  { name: 'goes back', document: spiffeBundle([two], { sequence: 4 }), code: 'ERR_BUNDLE_INVALID' },
];

for (const { name, document, code } of refused) {
  t.test(`the last good bundle stays while an endpoint ${name}`, async (t) => {
    const { endpoint, gives, served, logger, state } = setUp(t);
    await gives(spiffeBundle([one], { sequence: 5 }));
    for (let count = 0; count < 3; count += 1) await gives(document);
    t.equal(served(), pems(one));
    t.equal(state.told, 1);
    t.match(endpoint.status, { fetchedAtMs: NOW_MS, sequence: 5, lastFailure: { code } });
    const lines = logger.of('federated bundle not fetched, the last good one stays');
    t.match(lines, [{ level: 'warn', fields: { code, trust_domain: 'other', address: 'https://other/' } }]);
    await gives(spiffeBundle([two], { sequence: 5 }));
    t.equal(served(), pems(two), 'it is well again');
    t.equal(endpoint.status.lastFailure, undefined);
  });
}

t.test('a sequence that was forgotten may be lower', async (t) => {
  const { endpoint, gives, served } = setUp(t);
  await gives(spiffeBundle([one], { sequence: 5 }));
  endpoint.forgetSequence();
  await gives(spiffeBundle([two], { sequence: 1 }));
  t.equal(served(), pems(two));
});

t.test('an expired root is left out, at once and when it expires', async (t) => {
  const { clock, endpoint, gives, served, state } = setUp(t);
  await gives(spiffeBundle([expired, ending, one], { refreshHint: 86_400 }));
  t.equal(served(), pems(ending, one));
  clock.advance(HOUR_MS + 1);
  t.equal(served(), pems(one));
  t.equal(state.told, 2);
  t.equal(endpoint.roots?.size, 1);
});

t.test('there is one fetch at a time, and none after the end', async (t) => {
  const { endpoint, state, gives } = setUp(t);
  endpoint.fetchNow();
  endpoint.fetchNow();
  await gives(spiffeBundle([one]));
  t.equal(state.fetches, 1);
  await endpoint.close();
  endpoint.fetchNow();
  t.equal(state.fetches, 1);
});

t.test('when the next fetch is', async (t) => {
  const at = (hintMs: number | undefined, failures: number, draw = 0): number =>
    Math.round(nextFetchMs({ hintMs, failures }, draw));
  t.equal(at(undefined, 0), 300_000);
  t.equal(at(0, 0), 30_000, 'no more often than each half minute');
  t.equal(at(1e12, 0), 86_400_000, 'once a day at least');
  t.equal(at(600_000, 0, 0.5), 570_000);
  t.same(
    [1, 2, 3, 9, 20].map((failures) => at(600_000, failures)),
    [1000, 2000, 4000, 256_000, 300_000],
  );
  t.equal(at(600_000, 3, 0.5), 3000);
  t.equal(at(30_000, 20), 30_000, 'no more rarely than without a failure');
});
