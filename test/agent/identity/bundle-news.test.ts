import t, { type Test } from 'tap';
import { BundleInterner, BundleNews, type SvidChange } from '../../../src/agent/identity/index.js';
import { SvidPublisher } from '../../../src/agent/identity/svid-publisher.js';
import { IdentityError } from '../../../src/errors/index.js';
import { bundlePemOf, encodeBundleSecret, type SealedSvid } from '../../../src/hotpath/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { TestCa } from '../../support/test-ca.js';

const HOUR_MS = 3_600_000;
const NOW_MS = Math.floor(Date.now() / 1000) * 1000;
const LIFE = { notAfterMs: NOW_MS + 1000 * HOUR_MS };
const [one, two] = [TestCa.root('one', LIFE), TestCa.root('two', LIFE)];
const expired = TestCa.root('expired', { notAfterMs: NOW_MS - HOUR_MS });
const pem = (...cas: readonly TestCa[]): Buffer => Buffer.concat(cas.map(({ certificatePem }) => certificatePem));

/** The secrets of one workload, whose leaves live 10 hours; the test says when a bundle is everywhere. */
function setUp(t: Test) {
  const clock = new FakeClock(NOW_MS);
  const timers = new WallClockTimers(clock);
  const waiting: (() => void)[] = [];
  const delivery = { delivered: () => new Promise<void>((resolve) => waiting.push(resolve)) };
  const logger = new RecordingLogger();
  const published = new SvidPublisher({
    ...{ timers, now: clock.now, logger, delivery, bundles: new BundleInterner(), logFields: {} },
  });
  const changes: SvidChange[] = [];
  published.onChange((change) => changes.push(change));
  t.teardown(() => {
    published.close();
    timers.close();
  });
  const news = new BundleNews(clock.now, () => 0);
  news.add({
    takeBundle: (body) => published.takeBundle(body),
    replaceIfRevoked() {},
    readToken: async () => Buffer.from('token'),
  });
  const publish = (serial: string, bundle: Buffer): void => {
    const sealed: SealedSvid = {
      ...{ certificateBody: Buffer.from(`leaf ${serial}`), bundleBody: encodeBundleSecret(bundle), serial },
      ...{ notBeforeMs: clock.now(), notAfterMs: clock.now() + 10 * HOUR_MS },
    };
    published.publish({ sealed, rotateAtMs: clock.now() + 5 * HOUR_MS, startedAtMs: clock.now() });
  };
  const served = (): string => String(bundlePemOf(published.held?.bundle.body ?? Buffer.alloc(0)));
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, news, publish, published, served, changes, waiting, settled };
}

t.test('a bundle that comes without a leaf is served, and the leaf stays', async (t) => {
  const { news, publish, published, served, changes } = setUp(t);
  news.tell(pem(two));
  t.equal(published.held, undefined, 'the first leaf brings its own');
  publish('1', pem(one));
  news.tell(pem(one, expired, two));
  t.equal(served(), String(pem(one, two)), 'without what has expired');
  t.equal(published.held?.serial, '1');
  t.same(changes, [
    { certificate: true, bundle: true },
    { certificate: false, bundle: true },
  ]);
  news.tell(pem(two, one));
  t.equal(changes.length, 2, 'the same roots are no change');
  news.tell(pem(expired));
  t.equal(served(), String(pem(one, two)), 'a bundle of expired roots replaces nothing');
});

t.test(
  'a root that is dropped stays for a whole life of leaves: a peer may have got one a moment before',
  async (t) => {
    const { clock, news, publish, served } = setUp(t);
    publish('1', pem(one));
    clock.advance(6 * HOUR_MS);
    news.tell(pem(two));
    t.equal(served(), String(pem(two, one)));
    clock.advance(9 * HOUR_MS);
    t.equal(served(), String(pem(two, one)), 'the leaf of this workload has expired by now, and not those of peers');
    clock.advance(2 * HOUR_MS);
    t.equal(served(), String(pem(two)));
  },
);

t.test('row 46: a leaf waits until the bundle that came before it is everywhere', async (t) => {
  const { news, publish, published, served, waiting, settled } = setUp(t);
  publish('1', pem(one));
  news.tell(pem(one, two));
  publish('2', pem(one, two));
  await settled();
  t.equal(published.held?.serial, '1');
  t.equal(served(), String(pem(one, two)));
  for (const resolve of waiting.splice(0)) resolve();
  await settled();
  t.equal(published.held?.serial, '2');
  publish('3', pem(one, two));
  t.equal(published.held?.serial, '3', 'later ones need not wait');
});

t.test('a token is that of any identity which has a good one', async (t) => {
  const tokens = (draw: number, ...texts: readonly (string | undefined)[]): Promise<Buffer> => {
    const news = new BundleNews(Date.now, () => draw);
    for (const text of texts) {
      news.add({
        takeBundle() {},
        replaceIfRevoked() {},
        async readToken() {
          if (text === undefined) throw new IdentityError('ERR_TOKEN_EXPIRED', 'expired');
          return Buffer.from(text);
        },
      });
    }
    return news.readToken();
  };
  t.equal(String(await tokens(0, 'a', 'b')), 'a');
  t.equal(String(await tokens(0.9, 'a', 'b')), 'b', 'of a pod that is gone it is not asked for ever');
  t.equal(String(await tokens(0.9, 'a', undefined)), 'a');
  await t.rejects(tokens(0, undefined, undefined), { code: 'ERR_TOKEN_EXPIRED' });
  await t.rejects(tokens(0), { code: 'ERR_TOKEN_MISSING' });
});
