import t, { type Test } from 'tap';
import { type CertificateIssuer, SvidIssuance, WorkloadIdentity } from '../../../src/agent/identity/index.js';
import { SpiffeId } from '../../../src/pki/spiffe/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { openHotPath } from '../../support/hot-path.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { TestCa } from '../../support/test-ca.js';

const ID = SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/sleep');
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const hotPath = openHotPath();

function setUp(t: Test, intermediateLifeMs: number) {
  const clock = new FakeClock(Date.now());
  const timers = new WallClockTimers(clock);
  const root = TestCa.root('root', { notAfterMs: clock.now() + 100 * HOUR_MS });
  const signing = (lifeMs: number) => root.intermediate('signing', { notAfterMs: clock.now() + lifeMs });
  const scene = { signer: signing(intermediateLifeMs), more: [] as TestCa[] };
  const issuer: CertificateIssuer = {
    async issue({ csrPem }) {
      const { signer, more } = scene;
      const leaf = signer.leaf({ csrPem }, { uris: [`${ID}`], notAfterMs: clock.now() + HOUR_MS });
      const chainPem = Buffer.concat([leaf, ...[signer, ...more].map(({ certificatePem }) => certificatePem)]);
      return { chainPem, bundlePem: root.certificatePem };
    },
  };
  const limits = { keyType: 'ec-p256', ttlMs: HOUR_MS, maxInFlight: 1 } as const;
  const issuance = new SvidIssuance({ ...limits, issuer, hotPath, now: clock.now });
  const logger = new RecordingLogger();
  const identity = new WorkloadIdentity(
    { issuance, timers, now: clock.now, random: () => 0.5, logger },
    { spiffeId: ID, token: { read: async () => Buffer.from('token') } },
  );
  t.teardown(async () => {
    await identity.close();
    timers.close();
  });
  const change = (): Promise<unknown> => new Promise((resolve) => identity.onChange(resolve));
  const renewsInMinutes = (): number => ((identity.status().nextAttemptMs ?? 0) - clock.now()) / MINUTE_MS;
  return { clock, root, signing, scene, identity, logger, change, renewsInMinutes };
}

t.test('a leaf that outlives its intermediate is renewed before that expires, and the log says so once', async (t) => {
  const { clock, signing, scene, identity, logger, change, renewsInMinutes } = setUp(t, 20 * MINUTE_MS);
  const first = change();
  identity.start();
  await first;
  t.ok(Math.abs(renewsInMinutes() - 10) < 0.1, `in ${renewsInMinutes()} minutes`);
  t.match(logger.of('an issuer of the certificate expires before it'), [
    { level: 'warn', fields: { not_after: /^2/, issuer_not_after: /^2/, rotate_at: /^2/ } },
  ]);
  const second = change();
  clock.advance(10 * MINUTE_MS);
  await second;
  t.ok(Math.abs(renewsInMinutes() - 5) < 0.1, `in ${renewsInMinutes()} minutes`);
  t.equal(logger.of('an issuer of the certificate expires before it').length, 1);
  scene.signer = signing(50 * HOUR_MS);
  const third = change();
  clock.advance(5 * MINUTE_MS + 1000);
  await third;
  t.ok(Math.abs(renewsInMinutes() - 30) < 0.1, `in ${renewsInMinutes()} minutes`);
  t.ok(identity.hasValidSvid());
});

t.test('expired intermediates and roots in a chain bring no renewal forward', async (t) => {
  const { clock, root, scene, identity, change, renewsInMinutes } = setUp(t, 50 * HOUR_MS);
  const expired = root.intermediate('old', { notBeforeMs: clock.now() - HOUR_MS, notAfterMs: clock.now() - MINUTE_MS });
  const another = TestCa.root('another', { notAfterMs: clock.now() + 10 * MINUTE_MS });
  scene.more = [expired, another];
  const first = change();
  identity.start();
  await first;
  t.ok(Math.abs(renewsInMinutes() - 30) < 0.1, `in ${renewsInMinutes()} minutes`);
});
