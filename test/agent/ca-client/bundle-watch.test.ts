import t from 'tap';
import { type BundleOutcome, BundleWatch } from '../../../src/agent/ca-client/bundle-watch.js';
import { CancelSource } from '../../../src/cancellation/index.js';
import { IdentityError } from '../../../src/errors/index.js';
import { Metric, MetricRegistry } from '../../../src/telemetry/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { TestCa } from '../../support/test-ca.js';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.now();
const roots = Array.from({ length: 4 }, (_, index) => TestCa.root(`root ${index}`).certificatePem);
const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = roots;
const expired = TestCa.root('expired', { notAfterMs: NOW_MS - HOUR_MS }).certificatePem;
const leafPem = TestCa.root().server().certPem;

/** Watches a CA that gives these outcomes, the last of them again and again, until it has been asked `calls` times. */
async function watch(outcomes: readonly BundleOutcome[], { calls = outcomes.length, draw = 0.5, callMs = 0 } = {}) {
  const clock = new FakeClock(NOW_MS);
  const [logger, metrics, closing] = [new RecordingLogger(), new MetricRegistry(), new CancelSource()];
  const [asked, taken, pauses]: [string[], Buffer[], number[]] = [[], [], []];
  const [askedLists, lists]: [string[], (string | undefined)[]] = [[], []];
  let current: Buffer | undefined = first;
  const bundles = new BundleWatch({
    ...{ address: 'ca:15012', closing, logger, metrics, now: clock.now, random: () => draw },
    async ask(known) {
      asked.push(known.bundle);
      askedLists.push(known.lists);
      clock.advance(callMs);
      if (asked.length >= calls) closing.cancel();
      const outcome = outcomes[Math.min(asked.length, outcomes.length) - 1];
      if (outcome === undefined) throw new Error('asked without an outcome');
      return outcome;
    },
    current: () => current,
    take(bundlePem) {
      current = bundlePem;
      taken.push(bundlePem);
    },
    takeLists: (pem) => lists.push(pem?.toString()),
    async pause(delayMs) {
      pauses.push(delayMs);
      clock.advance(delayMs);
    },
  });
  await bundles.run();
  const count = (code: string): number => metrics.counter(Metric.bundleRefreshes, { address: 'ca:15012', code }).value;
  return { asked, askedLists, lists, taken: taken.map(String), pauses, logger, count, bundles };
}

const answer = (version: string, bundle?: Buffer, askAgainMs = 0): BundleOutcome => {
  return { kind: 'answered', version, bundle, askAgainMs };
};
const END = answer('end');

t.test('the first answer is asked for without a version, and the same roots are no news', async (t) => {
  const { asked, taken, pauses, bundles } = await watch([answer('1', first), answer('1'), END]);
  t.same(asked, ['', '1', '1']);
  t.same(taken, []);
  t.equal(pauses[0], 15_000, 'agents that start together do not ask together');
  t.equal(bundles.checkedMs, NOW_MS + 15_000 + 10_000);
});

t.test('other roots are taken over', async (t) => {
  const both = Buffer.concat([first, second]);
  const { asked, taken } = await watch([answer('1', first), answer('2', both), END]);
  t.same(taken, [String(both)]);
  t.same(asked, ['', '1', '2']);
});

t.test('a CA that names other roots in each answer is asked once in 10 seconds', async (t) => {
  const outcomes = roots.map((root, index) => answer(String(index), root));
  const { pauses, taken } = await watch([...outcomes, END]);
  t.same(pauses.slice(1), [10_000, 10_000, 10_000, 10_000]);
  t.same(taken.length, 3);
});

t.test('a call that was held for long is followed by the next at once', async (t) => {
  const { pauses } = await watch([answer('1', first), END], { callMs: 240_000 });
  t.same(pauses.slice(1), [0]);
});

t.test('behind other roots there is time for Envoys to acknowledge them, of which the next call tells', async (t) => {
  const { pauses } = await watch([answer('1', second), answer('1'), END], { callMs: 240_000 });
  t.same(pauses.slice(1), [2000, 0]);
});

t.test('a CA may want to be left alone, for an hour at most', async (t) => {
  const { pauses } = await watch([answer('1', first, 1_200_000), answer('1', undefined, 1e12), END]);
  t.same(pauses.slice(1), [0.875 * 1_200_000, 0.875 * HOUR_MS]);
});

t.test('a CA without the method is asked again after an hour, and nothing is said of it', async (t) => {
  const { pauses, logger, bundles } = await watch([{ kind: 'not-offered' }, { kind: 'not-offered' }, END]);
  t.same(pauses.slice(1), [1.5 * HOUR_MS, 1.5 * HOUR_MS]);
  t.ok(logger.lines.length > 0);
  t.same(
    logger.lines.filter(({ level }) => level !== 'debug'),
    [],
  );
  t.equal(bundles.checkedMs, undefined);
});

const failed: BundleOutcome = { kind: 'failed', error: new IdentityError('ERR_CA_UNAVAILABLE', 'away') };

t.test('a CA that is away is asked more and more rarely, and only the debug log says so', async (t) => {
  const { pauses, logger, count } = await watch([failed], { calls: 10, draw: 0.999 });
  t.same(
    pauses.slice(1).map((delayMs) => Math.round(delayMs / 1000)),
    [10, 20, 40, 80, 160, 320, 599, 599, 599],
  );
  t.ok(logger.lines.every(({ level }) => level === 'debug'));
  t.equal(count('ERR_CA_UNAVAILABLE'), 9);
});

const bad: { name: string; bundle: Buffer; code: string }[] = [
  { name: 'garbage', bundle: Buffer.from('garbage'), code: 'ERR_CA_RESPONSE_INVALID' },
  { name: 'a certificate that does not parse', bundle: pem('AAAA'), code: 'ERR_BUNDLE_INVALID' },
  { name: 'a leaf', bundle: leafPem, code: 'ERR_BUNDLE_INVALID' },
  { name: 'expired roots alone', bundle: expired, code: 'ERR_BUNDLE_INVALID' },
  { name: 'white space', bundle: Buffer.from('\n\n'), code: 'ERR_CA_RESPONSE_INVALID' },
  {
    name: 'more than a hundred roots',
    bundle: Buffer.concat(Array.from({ length: 101 }, () => first)),
    code: 'ERR_CA_RESPONSE_INVALID',
  },
  { name: 'more than a megabyte', bundle: Buffer.alloc(1_100_000, ' '), code: 'ERR_CA_RESPONSE_INVALID' },
];

function pem(body: string): Buffer {
  return Buffer.from(`-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`);
}

for (const { name, bundle, code } of bad) {
  t.test(`row 41: an answer of ${name} replaces nothing, and is warned of once`, async (t) => {
    const { asked, taken, logger, count } = await watch([answer('1', first), answer('2', bundle)], { calls: 4 });
    t.same(taken, []);
    t.equal(count(code), 2);
    t.match(logger.of('trust bundle of the ca refused'), [{ level: 'warn', fields: { code, address: 'ca:15012' } }]);
    t.same(asked, ['', '1', '1', '1'], 'the version of a good one stays');
  });
}

t.test('an expired root beside a valid one does not spoil it', async (t) => {
  const both = Buffer.concat([expired, second]);
  t.same((await watch([answer('1', both), END])).taken, [String(both)]);
});

const listed = (version: string, pem: string): BundleOutcome => {
  return {
    kind: 'answered',
    version: 'same',
    bundle: undefined,
    askAgainMs: 0,
    lists: { version, pem: Buffer.from(pem) },
  };
};

t.test(
  'other revocation lists are taken over, and asked after at once, twice as late from one to the next',
  async (t) => {
    const { lists, askedLists, pauses } = await watch([
      listed('1', ''),
      listed('2', 'a'),
      listed('2', ''),
      listed('3', 'b'),
      END,
    ]);
    t.same(lists, ['', 'a', 'b'], 'an answer without news is none');
    t.same(askedLists, ['', '1', '2', '2', '3']);
    t.same(pauses.slice(1), [250, 500, 10_000, 1000]);
  },
);

t.test('a call that was held for long makes the next lists quick again', async (t) => {
  const { pauses } = await watch([listed('1', 'a'), listed('2', 'b'), listed('3', 'c'), END], { callMs: 11_000 });
  t.same(pauses.slice(1), [0, 0, 0]);
});

t.test('a CA that gives no lists is told of once', async (t) => {
  const { lists } = await watch([answer('1', first), answer('2', second), END]);
  t.same(lists, [undefined]);
  t.same((await watch([{ kind: 'not-offered' }, { kind: 'not-offered' }, END])).lists, [undefined]);
});
