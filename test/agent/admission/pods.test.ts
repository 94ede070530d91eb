import { hash } from 'node:crypto';
import t, { type Test } from 'tap';
import { Pods } from '../../../src/agent/admission/index.js';
import { BundleInterner, type IssuedSvid, SvidIssuance } from '../../../src/agent/identity/index.js';
import { CancelSource } from '../../../src/cancellation/index.js';
import { SpiffeId } from '../../../src/pki/spiffe/index.js';
import { silentLogger } from '../../../src/telemetry/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { openHotPath } from '../../support/hot-path.js';
import { InProcessCa } from '../../support/in-process-ca.js';
import { leakOf } from '../../support/used-memory.js';

const TTL_MS = 3600_000;
const GRACE_MS = 60_000;
const SLEEP = SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/sleep');

const hotPath = openHotPath();

/** The pods of a node, and what accepts a token of one of them, as the gate does when the CA has. */
async function openPods(t: Test) {
  const clock = new FakeClock(Date.now());
  const timers = new WallClockTimers(clock);
  const ca = new InProcessCa(hotPath, clock.now);
  const issuance = new SvidIssuance({
    ...{ keyType: 'ec-p256', ttlMs: TTL_MS, issuer: ca, hotPath, maxInFlight: 1, now: clock.now },
  });
  const token = { read: async () => Buffer.from('a.b.c') };
  const request = { spiffeId: SLEEP, token, precedence: 'first', signal: new CancelSource(), isWanted: () => true };
  const sealed = await issuance.obtain(request as never, (svid: IssuedSvid) => svid);
  const surroundings = { issuance, timers, bundles: new BundleInterner(), now: clock.now, random: () => 0.5 };
  const options = { ...surroundings, logger: silentLogger, graceMs: GRACE_MS, proofAgeMs: 600_000 };
  const pods = new Pods({ ...options, maxPods: 1000 });
  t.teardown(async () => {
    await pods.close();
    timers.close();
  });
  const accept = (podUid: string, id: string) => {
    const bytes = Buffer.from(id);
    const accepted = { hash: hash('sha256', id, 'base64'), bytes, expiresAtMs: clock.now() + TTL_MS };
    const own = { ...sealed, certificateBody: Buffer.from(sealed.certificateBody) };
    return pods.accept({ spiffeId: SLEEP, key: podUid, podUid }, accepted, own, clock.now());
  };
  return { clock, pods, accept };
}

t.test('a pod that brings ever new tokens holds no more memory for them', async (t) => {
  const { accept } = await openPods(t);
  let tokens = 0;
  const grown = await leakOf(() => {
    for (const end = tokens + 10_000; tokens < end; tokens += 1) accept('pod', `${tokens}`);
  });
  t.ok(grown < 10_000 * 40, `${grown} bytes for 10 000 tokens; the hash of one takes more than 50`);
});

t.test('of pods that come and go no memory is held', async (t) => {
  const { accept, clock, pods } = await openPods(t);
  let count = 0;
  const grown = await leakOf(async () => {
    for (let round = 0; round < 2; round += 1) {
      for (const end = count + 500; count < end; count += 1) accept(`pod ${count}`, `token ${count}`);
      clock.advance(GRACE_MS + 1000);
      t.equal(pods.size, 0);
      await new Promise(setImmediate);
    }
  });
  t.ok(grown < 1000 * 1000, `${grown} bytes for 1000 pods; what is held of one takes more than 3000`);
});
