import t, { type Test } from 'tap';
import { SvidIssuance, WorkloadIdentity } from '../../../src/agent/identity/index.js';
import type { CallOptions, HotPath, PreparedKey, PrepareRequest } from '../../../src/hotpath/index.js';
import { SpiffeId } from '../../../src/pki/spiffe/index.js';
import type { KeyType } from '../../../src/pki/x509/index.js';
import { silentLogger } from '../../../src/telemetry/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { openHotPath } from '../../support/hot-path.js';
import { InProcessCa } from '../../support/in-process-ca.js';

const ID = SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/sleep');
const TTL_MS = 3600_000;
const hotPath = openHotPath();

/** The real hot path, which can be told to make no more keys that somebody waits for. */
class KeysOnDemand implements Pick<HotPath, 'prepare' | 'seal'> {
  areStuck = false;
  readonly ahead: Promise<PreparedKey>[] = [];

  prepare(request: PrepareRequest, options?: CallOptions): Promise<PreparedKey> {
    if (options?.isAhead !== true) return this.areStuck ? new Promise(() => {}) : hotPath.prepare(request, options);
    const key = hotPath.prepare(request, options);
    this.ahead.push(key);
    return key;
  }

  readonly seal: HotPath['seal'] = (request, options) => hotPath.seal(request, options);
}

function setUp(t: Test, keyType: KeyType) {
  const clock = new FakeClock(Date.now());
  const timers = new WallClockTimers(clock);
  const ca = new InProcessCa(hotPath, clock.now);
  const keys = new KeysOnDemand();
  const issuance = new SvidIssuance({
    ...{ keyType, ttlMs: TTL_MS, issuer: ca, hotPath: keys, maxInFlight: 1, now: clock.now },
  });
  const identity = new WorkloadIdentity(
    { issuance, timers, now: clock.now, random: () => 0.5, logger: silentLogger },
    { spiffeId: ID, token: { read: async () => Buffer.from('pod-token') } },
  );
  t.teardown(async () => {
    await identity.close();
    timers.close();
  });
  const changed = (): Promise<void> =>
    new Promise((resolve) => {
      const stop = identity.onChange(() => {
        stop();
        resolve();
      });
    });
  return { clock, keys, identity, changed };
}

t.test('an RSA rotation does not wait for its key: it was made since the last one', async (t) => {
  const { clock, keys, identity, changed } = setUp(t, 'rsa-2048');
  const first = changed();
  identity.start();
  await first;
  const firstBody = Buffer.from(identity.certificate()?.body ?? []);
  await keys.ahead[0];
  keys.areStuck = true;
  for (const rotation of [1, 2]) {
    const next = changed();
    clock.advance(TTL_MS / 2);
    await next;
    t.equal(keys.ahead.length, rotation + 1, 'and the key for the next one is under way');
    await keys.ahead[rotation];
  }
  t.notSame(identity.certificate()?.body, firstBody);
});

t.test('the key that was made ahead is wiped when the identity ends', async (t) => {
  const { keys, identity, changed } = setUp(t, 'rsa-2048');
  const first = changed();
  identity.start();
  await first;
  const unused = await keys.ahead[0];
  await identity.close();
  await new Promise((resolve) => setImmediate(resolve));
  t.ok(unused?.privateKey.every((octet) => octet === 0));
});

t.test('an EC identity has no key ahead', async (t) => {
  const { keys, identity, changed } = setUp(t, 'ec-p256');
  const first = changed();
  identity.start();
  await first;
  t.same(keys.ahead, []);
});
