import t, { type Test } from 'tap';
import {
  type IntermediateStore,
  intermediatesInMemory,
  LiveAuthority,
  OnlineIntermediate,
} from '../../../src/citadel/authority/index.js';
import { IdentityError } from '../../../src/errors/index.js';
import { Signer } from '../../../src/hotpath/index.js';
import { TrustDomain } from '../../../src/pki/spiffe/index.js';
import { Pkcs11Key } from '../../../src/system/pkcs11/index.js';
import { Metric, MetricRegistry } from '../../../src/telemetry/index.js';
import { authorityDirectory } from '../../support/authority-files.js';
import { childrenNamed } from '../../support/child-processes.js';
import { FakeClock } from '../../support/fake-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { NO_TOKENS, SoftHsm } from '../../support/softhsm.js';
import { TestCa } from '../../support/test-ca.js';

const trustDomain = TrustDomain.parse('cluster.local');
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FAILED = 'online intermediate cannot be renewed, the one in use stays';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** An intermediate of 30 days, and how to come to its renewal. `key` is the root's, where that is in a token. */
async function setUp(
  t: Test,
  {
    store = intermediatesInMemory(),
    key,
    root = TestCa.root('root', { notBeforeMs: Date.now() - HOUR_MS, notAfterMs: Date.now() + 1000 * DAY_MS }),
  }: { store?: IntermediateStore; key?: Pkcs11Key; root?: TestCa },
) {
  const clock = new FakeClock(Math.floor(Date.now() / 1000) * 1000);
  const [logger, metrics] = [new RecordingLogger(), new MetricRegistry()];
  const directory = authorityDirectory(t, { signer: root, roots: [root] });
  const { current } = await LiveAuthority.open({ directory, trustDomain, logger, now: clock.now });
  const signer =
    key === undefined ? current.signer : await Signer.withRemoteKey(root.certificatePem, key, 'ca-cert.pem');
  const live = { current: { ...current, signer }, rotation: undefined, onChange() {}, otherSigners: async () => [] };
  const online = await OnlineIntermediate.open({
    ...{ live, store, trustDomain, isConstrained: true, leafLifeMs: () => DAY_MS },
    ...{ logger, metrics, clock, random: () => 0.5 },
  });
  t.teardown(() => online.close());
  const failures = () => metrics.counter(Metric.onlineIntermediateFailures).value;
  return {
    ...{ online, clock, logger, failures },
    serial: () => online.current.signer.certificate.serialNumber,
    made: () => logger.of('online intermediate made').length,
    toRenewal: async () => {
      await clock.untilArmed();
      clock.advance(15 * DAY_MS - HOUR_MS + 1000);
    },
    /** Lets the time of so many tries pass, each of which fails. */
    async tries(count: number) {
      for (const last = failures() + count; failures() < last; ) {
        await clock.untilArmed();
        const before = failures();
        clock.advance(31_000);
        while (failures() === before) await turn();
      }
    },
    /** Lets the time of one look more pass, until the next one is known. */
    async untilNext() {
      await clock.untilArmed();
      clock.advance(31_000);
      while (online.state.next === undefined || online.state.problem !== undefined) await turn();
    },
  };
}

/** A store that fails as a Secret does whose API server is away. */
function storeWith(fault: { now: 'reading' | 'writing' | 'the answer to a write' | undefined }): IntermediateStore {
  const kept = intermediatesInMemory();
  const away = () => new IdentityError('ERR_KUBERNETES_UNAVAILABLE', `the API server does not answer: ${fault.now}`);
  return {
    name: 'Secret istio-system/sidecert-online-intermediate',
    async read() {
      if (fault.now === 'reading') throw away();
      return kept.read();
    },
    async change(change) {
      if (fault.now === 'reading' || fault.now === 'writing') throw away();
      await kept.change(change);
      if (fault.now === 'the answer to a write') throw away();
    },
  };
}

for (const fails of ['reading', 'writing', 'the answer to a write'] as const) {
  t.test(
    `a store that is away at a renewal (${fails}) stops no issuing, and costs no second intermediate`,
    async (t) => {
      const fault: Parameters<typeof storeWith>[0] = { now: undefined };
      const scene = await setUp(t, { store: storeWith(fault) });
      const first = scene.serial();
      fault.now = fails;
      await scene.toRenewal();
      const line = await scene.logger.until(FAILED);
      t.match(line, { level: 'warn', fields: { code: 'ERR_KUBERNETES_UNAVAILABLE', error: /does not answer/ } });
      t.match(scene.online.state.problem, /does not answer/);
      t.equal(scene.serial(), first);
      t.ok(scene.online.current.notAfterMs > scene.clock.now() + 15 * DAY_MS, 'leaves are as long as before');

      fault.now = undefined;
      await scene.untilNext();
      t.equal(scene.online.signers.length, 2, 'one in use, and one that comes after it');
      t.equal(scene.serial(), first, 'the next one is known for an hour before it signs');
      await scene.clock.untilArmed();
      scene.clock.advance(HOUR_MS + 2000);
      t.not(scene.serial(), first);
      t.equal(scene.logger.of(FAILED).length, 1);
    },
  );
}

t.test('a store that stays away is tried again and again, until an error tells that a person has to act', async (t) => {
  const fault: Parameters<typeof storeWith>[0] = { now: undefined };
  const scene = await setUp(t, { store: storeWith(fault) });
  const first = scene.serial();
  await scene.clock.untilArmed();
  fault.now = 'writing';
  await scene.toRenewal();
  await scene.logger.until(FAILED);
  await scene.tries(3);
  t.equal(scene.logger.of(FAILED).length, 1, 'told once an hour');
  await scene.clock.untilArmed();
  scene.clock.advance(10 * DAY_MS);
  await scene.tries(1);
  t.equal(scene.logger.of(FAILED).at(-1)?.level, 'error');
  t.equal(scene.serial(), first);
  fault.now = undefined;
  await scene.clock.untilArmed();
  scene.clock.advance(31_000);
  await scene.logger.until('online intermediate made', 2);
});

t.test(
  'an HSM that hangs at a renewal stops no issuing; when it signs again there is a next one',
  {
    skip: NO_TOKENS,
  },
  async (t) => {
    const root = TestCa.root('in a token', {
      ...{ notBeforeMs: Date.now() - HOUR_MS, notAfterMs: Date.now() + 1000 * DAY_MS },
    });
    const hsm = new SoftHsm(t);
    hsm.import('citadel', Buffer.from(root.privateKeyPem));
    let nowMs = 0;
    let fire = (): void => {};
    const key = await Pkcs11Key.open(hsm.reference('citadel'), {
      ...{ logger: new RecordingLogger(), metrics: new MetricRegistry(), now: () => nowMs },
      deadlineClock: {
        now: () => nowMs,
        after(_, onLate) {
          fire = onLate;
          return () => {};
        },
      },
    });
    t.teardown(() => key.close());
    const scene = await setUp(t, { key, root });
    const first = scene.serial();
    const [pid = 0] = childrenNamed('token-process');
    process.kill(pid, 'SIGSTOP');
    await scene.toRenewal();
    // It waits for its signature; what is issued meanwhile does not.
    while (scene.online.state.renewAtMs > scene.clock.now()) await turn();
    t.equal(scene.serial(), first);
    t.equal(scene.failures(), 0);
    // The deadline of a signature, which is counted from when it was asked for: until there is one, nothing is late.
    while (scene.failures() === 0) {
      nowMs += 4001;
      fire();
      await turn();
    }
    t.match(scene.logger.of(FAILED), [{ level: 'warn', fields: { code: 'ERR_CA_KEY_UNAVAILABLE' } }]);
    t.match(scene.online.state.problem, /has not signed in time/);
    t.equal(scene.serial(), first);

    nowMs += 1001;
    await scene.untilNext();
    t.equal(scene.made(), 2);
    t.equal(scene.serial(), first);
  },
);
