import { X509Certificate } from 'node:crypto';
import { inspect } from 'node:util';
import t, { type Test } from 'tap';
import {
  type BundleDelivery,
  type DeliveryLimits,
  type RefusalGrounds,
  type SecretContent,
  type SvidChange,
  SvidIssuance,
  WorkloadIdentity,
} from '../../../src/agent/identity/index.js';
import { CancelSource } from '../../../src/cancellation/index.js';
import { envoy } from '../../../src/net/protobuf/index.js';
import { SpiffeId, TrustBundle } from '../../../src/pki/spiffe/index.js';
import { createLineLogger, LogThreshold } from '../../../src/telemetry/index.js';
import { type RenewalPolicy, WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { openHotPath } from '../../support/hot-path.js';
import { InProcessCa } from '../../support/in-process-ca.js';
import { seededRandom } from '../../support/prng.js';

const { Secret } = envoy.extensions.transport_sockets.tls.v3;

const ID = SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/sleep');
const TTL_MS = 3600_000;
const DAY_MS = 24 * 3600_000;

const hotPath = openHotPath();

/** What changes when the test says so. */
class FakeGrounds implements RefusalGrounds {
  readonly listeners = new Set<() => void>();

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  change(): void {
    for (const listener of this.listeners) listener();
  }
}

function setUp(t: Test, random = () => 0.5, renewal?: RenewalPolicy) {
  const grounds = new FakeGrounds();
  const tokenChanges = new FakeGrounds();
  const clock = new FakeClock(Date.now());
  const timers = new WallClockTimers(clock);
  const ca = new InProcessCa(hotPath, clock.now);
  const issuance = new SvidIssuance({
    ...{ keyType: 'ec-p256', ttlMs: TTL_MS, issuer: ca, hotPath, maxInFlight: 1, now: clock.now },
  });
  const delivery = new FakeDelivery();
  const lines: string[] = [];
  const changes: SvidChange[] = [];
  const logger = createLineLogger({
    threshold: new LogThreshold('debug'),
    write: (line) => lines.push(line),
    now: clock.now,
  });
  const identity = new WorkloadIdentity(
    { issuance, timers, delivery, grounds, now: clock.now, random, logger, ...(renewal && { renewal }) },
    {
      spiffeId: ID,
      token: {
        read: async () => Buffer.from('pod-token'),
        onChange: (listener) => tokenChanges.onChange(listener),
      },
    },
  );
  identity.onChange((change) => changes.push(change));
  t.teardown(async () => {
    await identity.close();
    timers.close();
  });
  const nextChange = (): Promise<SvidChange> =>
    new Promise((resolve) => {
      const stop = identity.onChange((change) => {
        stop();
        resolve(change);
      });
    });
  const nextFailure = (): Promise<unknown> =>
    new Promise((resolve) => {
      const stop = identity.onRenewalFailure((error) => {
        stop();
        resolve(error);
      });
    });
  const issued = async (): Promise<void> => {
    const change = nextChange();
    identity.start();
    await change;
  };
  const elsewhere = (token: string): Promise<void> =>
    issuance.obtain(
      {
        ...{ spiffeId: ID, precedence: 'proof', isWanted: () => true },
        ...{ token: { read: async () => Buffer.from(token) }, signal: new CancelSource() },
      },
      (sealed) => identity.adopt(sealed, clock.now()),
    );
  return {
    grounds,
    tokenChanges,
    clock,
    ca,
    delivery,
    identity,
    lines,
    changes,
    nextChange,
    nextFailure,
    issued,
    elsewhere,
  };
}

function leafOf(identity: WorkloadIdentity): X509Certificate {
  const body = identity.certificate()?.body ?? Buffer.alloc(0);
  return new X509Certificate(Buffer.from(Secret.decode(body).tlsCertificate?.certificateChain?.inlineBytes ?? []));
}

/** Fingerprints, sorted: the order of roots does not matter. */
function rootsIn(...pems: readonly Buffer[]): string[] {
  return TrustBundle.parsePem(Buffer.concat(pems))
    .list()
    .map(({ fingerprint256 }) => fingerprint256)
    .sort();
}

function rootsOf(identity: WorkloadIdentity): string[] {
  const { validationContext } = Secret.decode(identity.bundle()?.body ?? Buffer.alloc(0));
  return rootsIn(Buffer.from(validationContext?.trustedCa?.inlineBytes ?? []));
}

/** Says that a bundle is everywhere when the test does. */
class FakeDelivery implements BundleDelivery {
  readonly asked: { bundle: SecretContent; timeoutMs: number; deliver: () => void }[] = [];

  delivered(bundle: SecretContent, { timeoutMs, signal }: DeliveryLimits): Promise<void> {
    return new Promise((resolve) => {
      this.asked.push({ bundle, timeoutMs, deliver: resolve });
      signal.add({ cancel: resolve });
    });
  }
}

t.test('the first SVID comes at the start, before anybody asks', async (t) => {
  const { identity, ca, changes, issued } = setUp(t);
  t.equal(identity.certificate(), undefined);
  t.equal(identity.hasValidSvid(), false);
  await issued();
  t.equal(leafOf(identity).subjectAltName, `URI:${ID}`);
  const bundle = Secret.decode(identity.bundle()?.body ?? Buffer.alloc(0));
  t.equal(Buffer.from(bundle.validationContext?.trustedCa?.inlineBytes ?? []).toString(), ca.rootPem.toString());
  t.strictSame(changes, [{ certificate: true, bundle: true }]);
  t.strictSame(ca.tokens, ['pod-token']);
});

t.test('row 47: the jitter is drawn once for each certificate, however often the clock is looked at', async (t) => {
  let draws = 0;
  const { clock, nextChange, issued } = setUp(t, () => {
    draws += 1;
    return 0.5;
  });
  await issued();
  const atFirst = draws;
  for (let second = 0; second < TTL_MS / 2000 - 60; second += 30) clock.advance(30_000);
  t.equal(draws, atFirst);
  const change = nextChange();
  clock.advance(120_000);
  await change;
  t.equal(draws, 2 * atFirst);
});

t.test(
  'row 48: at half of its life it is replaced by one with another key, and the bundle is left alone',
  async (t) => {
    const { identity, clock, nextChange, issued, lines } = setUp(t);
    await issued();
    const [first, bundle] = [leafOf(identity), identity.bundle()];
    const change = nextChange();
    clock.advance(TTL_MS / 2 + 1000);
    t.strictSame(await change, { certificate: true, bundle: false });
    const second = leafOf(identity);
    t.not(second.serialNumber, first.serialNumber);
    t.notOk(second.publicKey.equals(first.publicKey), 'the key is new');
    t.equal(identity.bundle(), bundle, 'the same object: nobody takes it for a change');
    t.match(
      lines.map((line) => JSON.parse(line).msg),
      ['svid issued', 'svid rotated'],
    );
  },
);

t.test(
  'row 46: a leaf of a new root follows its bundle, and the old root goes when its leaves have ended',
  async (t) => {
    const { identity, ca, clock, nextChange, issued, delivery } = setUp(t);
    await issued();
    const [oldRoot, oldLeaf] = [ca.rootPem, leafOf(identity)];
    const oldEndMs = Date.parse(oldLeaf.validTo);
    ca.replaceRoot();
    const change = nextChange();
    clock.advance(TTL_MS / 2 + 1000);
    t.strictSame(await change, { certificate: false, bundle: true });
    t.same(rootsOf(identity), rootsIn(ca.rootPem, oldRoot), 'the old root is still there');
    t.equal(leafOf(identity).serialNumber, oldLeaf.serialNumber, 'the leaf is still the old one');
    const second = nextChange();
    const asked = delivery.asked.at(-1);
    t.equal(asked?.bundle, identity.bundle());
    t.equal(asked?.timeoutMs, 5000);
    asked?.deliver();
    t.strictSame(await second, { certificate: true, bundle: false });
    const newLeaf = leafOf(identity);
    t.ok(newLeaf.verify(new X509Certificate(ca.rootPem).publicKey));
    ca.fault = 'ERR_CA_UNAVAILABLE';
    const third = nextChange();
    // What peers have of the old root was issued before the answer, and lives no longer than the leaf of the answer.
    clock.advance(oldEndMs - clock.now());
    t.same(rootsOf(identity), rootsIn(ca.rootPem, oldRoot));
    clock.advance(Date.parse(newLeaf.validTo) - clock.now() + 1000);
    t.strictSame(await third, { certificate: false, bundle: true });
    t.same(rootsOf(identity), rootsIn(ca.rootPem));
  },
);

t.test(
  'row 46: a CA that names both roots for a while gets the same order, and nothing is pushed for another order of them',
  async (t) => {
    const { identity, ca, clock, nextChange, issued, delivery } = setUp(t);
    await issued();
    const oldRoot = ca.rootPem;
    ca.replaceRoot();
    ca.bundlePem = Buffer.concat([oldRoot, ca.rootPem]);
    let change = nextChange();
    clock.advance(TTL_MS / 2 + 1000);
    t.strictSame(await change, { certificate: false, bundle: true });
    const both = identity.bundle();
    change = nextChange();
    delivery.asked.at(-1)?.deliver();
    t.strictSame(await change, { certificate: true, bundle: false });
    ca.bundlePem = Buffer.concat([ca.rootPem, oldRoot]);
    change = nextChange();
    clock.advance(TTL_MS / 2 + 1000);
    t.strictSame(await change, { certificate: true, bundle: false });
    t.equal(identity.bundle(), both);
    ca.bundlePem = undefined;
    change = nextChange();
    clock.advance(TTL_MS / 2 + 1000);
    t.strictSame(await change, { certificate: true, bundle: false }, 'the CA drops it: it stays for the leaves of it');
    t.equal(identity.bundle(), both);
  },
);

t.test(
  'row 46: while a leaf waits for its bundle the next one takes its place, and the end of the workload ends the wait',
  async (t) => {
    const { identity, ca, clock, nextChange, issued, delivery, elsewhere, changes } = setUp(t);
    await issued();
    const oldRoot = ca.rootPem;
    const serial = leafOf(identity).serialNumber;
    ca.replaceRoot();
    const change = nextChange();
    clock.advance(TTL_MS / 2 + 1000);
    await change;
    const firstRoot = ca.rootPem;
    ca.replaceRoot();
    await elsewhere('another token');
    t.same(rootsOf(identity), rootsIn(ca.rootPem, oldRoot, firstRoot));
    t.equal(leafOf(identity).serialNumber, serial);
    delivery.asked[0]?.deliver();
    await new Promise(setImmediate);
    t.equal(leafOf(identity).serialNumber, serial, 'its bundle has a root more, which is waited for, too');
    t.equal(delivery.asked.length, 2);
    delivery.asked[1]?.deliver();
    await new Promise(setImmediate);
    t.ok(leafOf(identity).verify(new X509Certificate(ca.rootPem).publicKey));
    ca.replaceRoot();
    await elsewhere('a third token');
    const before = changes.length;
    await identity.close();
    delivery.asked[2]?.deliver();
    await new Promise(setImmediate);
    t.equal(changes.length, before);
  },
);

t.test('row 49: while the CA is away the last SVID is served to its end, and not a moment longer', async (t) => {
  const { identity, ca, clock, nextFailure, nextChange, issued } = setUp(t);
  await issued();
  const serial = leafOf(identity).serialNumber;
  ca.fault = 'ERR_CA_UNAVAILABLE';
  let failure = nextFailure();
  clock.advance(TTL_MS / 2 + 1000);
  while (clock.now() < Date.parse(leafOf(identity).validTo) - 35_000) {
    t.match(await failure, { code: 'ERR_CA_UNAVAILABLE' });
    failure = nextFailure();
    t.equal(leafOf(identity).serialNumber, serial);
    clock.advance(30_000);
  }
  await failure;
  failure = nextFailure();
  clock.advance(60_000);
  await failure;
  t.equal(identity.certificate(), undefined, 'an ended leaf is not served');
  t.not(identity.bundle(), undefined, 'the bundle still is');
  const change = nextChange();
  ca.fault = 'none';
  clock.advance(1000);
  await change;
  t.equal(identity.hasValidSvid(), true, 'within a second of the return of the CA');
});

t.test('row 49: an hour of outage costs no storm of calls and few lines', async (t) => {
  const { ca, clock, identity, nextFailure, lines } = setUp(t);
  ca.fault = 'ERR_CA_UNAVAILABLE';
  let failure = nextFailure();
  identity.start();
  for (let second = 0; second < 200; second += 1) {
    await failure;
    failure = nextFailure();
    clock.advance(1000);
  }
  t.ok(ca.tokens.length <= 201, `${ca.tokens.length} calls in 200 s`);
  const loud = lines.filter((line) => !line.includes('"level":"debug"'));
  t.ok(loud.length < 12, `${loud.length} lines`);
  t.equal(JSON.parse(loud[0] ?? '').level, 'error', 'without an SVID a person must act');
});

const refusals = [
  'ERR_CA_REFUSED_TOKEN',
  'ERR_CA_REJECTED_CSR',
  'ERR_CA_RESPONSE_INVALID',
  'ERR_CA_ROOT_INVALID',
  'ERR_CA_UNTRUSTED',
  'ERR_TOKEN_EXPIRED',
] as const;
for (const code of refusals) {
  t.test(`without an SVID an hour of ${code} costs few requests`, async (t) => {
    const { ca, clock, identity, nextFailure } = setUp(t);
    ca.fault = code;
    let failure = nextFailure();
    identity.start();
    await failure;
    for (const endMs = clock.now() + 3600_000; clock.now() < endMs; ) {
      failure = nextFailure();
      const before = ca.tokens.length;
      // With draws of 0.5 no wait is longer than 15 s.
      clock.advance(15_000);
      await failure;
      t.equal(ca.tokens.length, before + 1);
    }
  });
}

t.test('what lifts a refusal has the CA asked again at once, and is listened for only then', async (t) => {
  const { ca, clock, identity, grounds, tokenChanges, nextFailure, nextChange } = setUp(t);
  ca.fault = 'ERR_CA_REFUSED_TOKEN';
  let failure = nextFailure();
  identity.start();
  await failure;
  for (let tries = 0; tries < 8; tries += 1) {
    failure = nextFailure();
    clock.advance(15_000);
    await failure;
  }
  t.equal(grounds.listeners.size, 1);
  failure = nextFailure();
  const asked = ca.tokens.length;
  tokenChanges.change();
  clock.advance(1);
  await failure;
  t.equal(ca.tokens.length, asked + 1);
  ca.fault = 'none';
  const change = nextChange();
  grounds.change();
  clock.advance(9998);
  t.equal(ca.tokens.length, asked + 1, 'ten seconds behind the last one at the soonest');
  clock.advance(2);
  await change;
  t.equal(ca.tokens.length, asked + 2);
  t.equal(grounds.listeners.size + tokenChanges.listeners.size, 0);
});

t.test('a CA that is away is not asked sooner because something has changed, and nobody listens', async (t) => {
  const { ca, identity, grounds, tokenChanges, nextFailure } = setUp(t);
  ca.fault = 'ERR_CA_UNAVAILABLE';
  const failure = nextFailure();
  identity.start();
  await failure;
  t.equal(grounds.listeners.size + tokenChanges.listeners.size, 0);
});

t.test('close ends the listening for what lifts a refusal', async (t) => {
  const { ca, identity, grounds, tokenChanges, nextFailure } = setUp(t);
  ca.fault = 'ERR_CA_REJECTED_CSR';
  const failure = nextFailure();
  identity.start();
  await failure;
  await identity.close();
  t.equal(grounds.listeners.size + tokenChanges.listeners.size, 0);
  grounds.change();
});

t.test('a failed renewal is a warning as long as there is a valid SVID', async (t) => {
  const { ca, clock, nextFailure, issued, lines } = setUp(t);
  await issued();
  ca.fault = 'ERR_CA_DEADLINE';
  const failure = nextFailure();
  clock.advance(TTL_MS / 2 + 1000);
  await failure;
  t.match(JSON.parse(lines.at(-1) ?? ''), { level: 'warn', msg: 'svid renewal failed', code: 'ERR_CA_DEADLINE' });
});

t.test('the first failure behind the end of the last SVID is an error, whichever in the row it is', async (t) => {
  const { ca, clock, identity, nextFailure, issued, lines } = setUp(t);
  await issued();
  ca.fault = 'ERR_CA_DEADLINE';
  let failure = nextFailure();
  clock.advance(TTL_MS / 2 + 1000);
  await failure;
  for (let failures = 2; failures <= 5; failures += 1) {
    failure = nextFailure();
    clock.advance(30_000);
    await failure;
  }
  failure = nextFailure();
  clock.advance(TTL_MS / 2);
  await failure;
  t.notOk(identity.hasValidSvid());
  failure = nextFailure();
  clock.advance(30_000);
  await failure;
  const told = lines.map((line) => JSON.parse(line)).filter(({ attempt }) => attempt !== undefined);
  t.strictSame(
    told.slice(-3).map(({ level, msg, attempt }) => ({ level, msg, attempt })),
    [
      { level: 'debug', msg: 'svid renewal failed', attempt: 5 },
      { level: 'error', msg: 'no valid svid', attempt: 6 },
      { level: 'debug', msg: 'svid renewal failed', attempt: 7 },
    ],
  );
});

t.test('an answer for another identity is refused, and what is held stays', async (t) => {
  const { identity, ca, clock, nextFailure, issued } = setUp(t);
  await issued();
  const held = identity.certificate();
  ca.identityOf = () => 'spiffe://cluster.local/ns/foo/sa/somebody-else';
  const failure = nextFailure();
  clock.advance(TTL_MS / 2 + 1000);
  t.match(await failure, { code: 'ERR_SVID_IDENTITY_MISMATCH' });
  t.equal(identity.certificate(), held);
});

/** Lets time pass, from try to try, and counts them. */
async function callsWithin(spanMs: number, { identity, clock, ca, nextChange, nextFailure }: ReturnType<typeof setUp>) {
  const [before, endMs] = [ca.tokens.length, clock.now() + spanMs - 1];
  let last = clock.now();
  let closest = Number.POSITIVE_INFINITY;
  for (;;) {
    const dueMs = identity.status().nextAttemptMs ?? clock.now();
    if (dueMs >= endMs) break;
    const settled = Promise.race([nextChange(), nextFailure()]);
    clock.advance(Math.max(0, Math.ceil(dueMs - clock.now())));
    closest = Math.min(closest, clock.now() - last);
    last = clock.now();
    await settled;
  }
  return { calls: ca.tokens.length - before, closestMs: closest };
}

const uselessLives = [
  { name: 'that had expired a day before', lifeMs: -DAY_MS },
  { name: 'that has just expired', lifeMs: -1000 },
  { name: 'that expires within a second', lifeMs: 1000 },
] as const;
for (const { name, lifeMs } of uselessLives) {
  t.test(`an hour of certificates ${name} costs few calls, and neither pushes nor loses one`, async (t) => {
    const scene = setUp(t, seededRandom(19));
    const { identity, ca, issued, changes } = scene;
    await issued();
    const { serialNumber } = leafOf(identity);
    ca.beginsInMs = -2 * DAY_MS;
    ca.lifeMs = lifeMs;
    const { calls } = await callsWithin(3600_000, scene);
    // One each 15 s on average, and ever more in its last five minutes.
    t.ok(calls > 100 && calls < 240, `${calls} calls in the second half of the life`);
    t.equal(changes.length, 1);
    t.match(identity.status(), { serial: serialNumber.toLowerCase(), lastFailure: { code: 'ERR_SVID_NOT_VALID_NOW' } });
  });
}

t.test('without an SVID an hour of dead certificates costs few calls, too, and nothing is served', async (t) => {
  const scene = setUp(t, seededRandom(20));
  scene.ca.beginsInMs = -2 * DAY_MS;
  scene.ca.lifeMs = -1000;
  const failure = scene.nextFailure();
  scene.identity.start();
  await failure;
  const { calls } = await callsWithin(3600_000, scene);
  t.ok(calls > 100 && calls < 300, `${calls} calls`);
  t.equal(scene.identity.certificate(), undefined);
  t.strictSame(scene.changes, []);
});

t.test('with lives of three seconds there is at most one renewal a second, each in time', async (t) => {
  const scene = setUp(t, seededRandom(21));
  scene.ca.lifeMs = 3000;
  await scene.issued();
  const { calls, closestMs } = await callsWithin(300_000, scene);
  t.ok(closestMs >= 1000, `${closestMs} ms`);
  t.ok(calls <= 300, `${calls} calls`);
  t.equal(scene.changes.length, calls + 1);
  t.ok(scene.identity.hasValidSvid());
});

t.test('a certificate of seconds does not replace one of hours, until that is as near its end', async (t) => {
  const scene = setUp(t);
  const { identity, ca, clock, issued, nextFailure, nextChange, lines, elsewhere } = scene;
  await issued();
  const serial = leafOf(identity).serialNumber;
  ca.lifeMs = 30_000;
  const failure = nextFailure();
  clock.advance(TTL_MS / 2 + 1000);
  t.match(await failure, { code: 'ERR_SVID_NOT_VALID_NOW', message: /expected one a minute from now or behind/ });
  t.match(JSON.parse(lines.at(-1) ?? ''), { level: 'warn', msg: 'svid renewal failed' });
  await elsewhere('a token that is proven');
  t.equal(leafOf(identity).serialNumber, serial);
  const change = nextChange();
  while (leafOf(identity).serialNumber === serial && clock.now() < Date.parse(leafOf(identity).validTo)) {
    const dueMs = identity.status().nextAttemptMs ?? clock.now();
    const settled = Promise.race([nextChange(), nextFailure()]);
    clock.advance(Math.max(0, Math.ceil(dueMs - clock.now())));
    await settled;
  }
  await change;
  t.ok(identity.hasValidSvid());
  t.not(leafOf(identity).serialNumber, serial);
});

t.test('a certificate of minutes does: the lives may have been shortened', async (t) => {
  const { identity, ca, clock, issued, nextChange } = setUp(t);
  await issued();
  ca.lifeMs = 120_000;
  const change = nextChange();
  clock.advance(TTL_MS / 2 + 1000);
  await change;
  t.ok(Date.parse(leafOf(identity).validTo) <= clock.now() + 120_000);
});

t.test('an outage of the CA of the length that is to be survived never takes the certificate away', async (t) => {
  const outageMs = 45 * 60_000;
  const scene = setUp(t, seededRandom(22), { renewAt: 0.5, surviveOutageMs: outageMs });
  const { identity, ca, clock, issued, nextFailure, nextChange } = scene;
  await issued();
  t.match(identity.status(), { survivesOutage: true });
  t.ok(Number(identity.status().outageToleranceMs) > outageMs);
  // It begins at the worst of all times: just before the renewal.
  ca.fault = 'ERR_CA_UNAVAILABLE';
  let failure = nextFailure();
  clock.advance(Math.ceil((identity.status().nextAttemptMs ?? 0) - clock.now()));
  await failure;
  for (const endMs = clock.now() + outageMs; clock.now() < endMs; ) {
    failure = nextFailure();
    clock.advance(Math.min(endMs, Math.ceil(identity.status().nextAttemptMs ?? 0)) - clock.now());
    t.ok(identity.hasValidSvid());
    if (clock.now() < endMs) await failure;
  }
  ca.fault = 'none';
  const change = nextChange();
  clock.advance(10_000);
  t.ok(identity.hasValidSvid());
  await change;
});

t.test('a life that is too short for the outage is warned of once, and shown', async (t) => {
  const scene = setUp(t, () => 0.5, { renewAt: 0.5, surviveOutageMs: 45 * 60_000 });
  const { identity, ca, clock, issued, nextChange, lines } = scene;
  const warnings = () => lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 'warn');
  ca.lifeMs = 600_000;
  await issued();
  t.match(warnings(), [{ survive_outage_ms: 45 * 60_000, ttl_ms: Number, rotate_at: /^2/, not_after: /^2/ }]);
  t.match(identity.status(), { survivesOutage: false });
  const renewed = async (): Promise<void> => {
    const change = nextChange();
    clock.advance(Math.ceil((identity.status().nextAttemptMs ?? 0) - clock.now()));
    await change;
  };
  const atMs = clock.now();
  await renewed();
  t.ok(clock.now() - atMs >= 50_000, 'no hot loop');
  t.equal(warnings().length, 1);
  ca.lifeMs = TTL_MS;
  await renewed();
  t.match(identity.status(), { survivesOutage: true });
  ca.lifeMs = 600_000;
  await renewed();
  t.equal(warnings().length, 2);
});

t.test('a certificate that was revoked on its way is replaced, and one more that is revoked is not', async (t) => {
  const { identity, ca, nextChange, lines } = setUp(t);
  ca.fault = 'hang';
  identity.start();
  await ca.untilCalled(1);
  const looked: string[] = [];
  identity.replaceIfRevoked((serial) => looked.push(serial) > 0);
  t.same(looked, [], 'there is none yet');
  const first = nextChange();
  ca.release();
  await first;
  const second = nextChange();
  await ca.untilCalled(2);
  await second;
  t.equal(looked.length, 1);
  t.equal(lines.filter((line) => line.includes('the certificate is revoked')).length, 1);
  t.equal(ca.tokens.length, 2);
});

t.test('row 52: one CSR is in flight however many ask', async (t) => {
  const { ca, elsewhere } = setUp(t);
  await Promise.all(Array.from({ length: 20 }, (_, index) => elsewhere(`token-${index}`)));
  t.equal(ca.maxInFlight, 1);
  t.equal(ca.tokens.length, 20);
});

t.test('an SVID that comes from elsewhere makes the renewal needless that stood in line behind it', async (t) => {
  const { ca, clock, changes, issued, elsewhere } = setUp(t);
  await issued();
  ca.fault = 'hang';
  const first = elsewhere('stream-token');
  await ca.untilCalled(2);
  clock.advance(TTL_MS / 2 + 1000);
  ca.release();
  await first;
  // One more, behind the renewal in the same line, shows that nothing was asked for.
  await elsewhere('last');
  t.strictSame(ca.tokens, ['pod-token', 'stream-token', 'last']);
  t.equal(changes.length, 3);
});

t.test('a leaf that begins later is served at once when there is no other, and the skew is told', async (t) => {
  const { identity, ca, clock, issued, lines } = setUp(t);
  ca.beginsInMs = 20_000;
  await issued();
  t.ok(Date.parse(leafOf(identity).validFrom) > clock.now());
  t.match(JSON.parse(lines[0] ?? ''), {
    ...{ level: 'warn', msg: 'the clock of the ca is ahead' },
    ...{ not_before: new Date(leafOf(identity).validFrom).toISOString(), now: new Date(clock.now()).toISOString() },
  });
  t.equal(JSON.parse(lines[1] ?? '').msg, 'svid issued');
  clock.advance(30_000);
  t.equal(ca.tokens.length, 1, 'no other is asked for');
});

t.test('a leaf that begins later waits for its beginning while the one before is valid', async (t) => {
  const { identity, ca, clock, issued, lines, nextChange, changes } = setUp(t);
  await issued();
  const serial = leafOf(identity).serialNumber;
  ca.beginsInMs = 200_000;
  const called = ca.untilCalled(2);
  clock.advance(TTL_MS / 2);
  await called;
  while (!lines.some((line) => line.includes('the clock of the ca is ahead'))) await new Promise(setImmediate);
  const change = nextChange();
  clock.advance(199_000);
  await new Promise(setImmediate);
  t.equal(leafOf(identity).serialNumber, serial);
  t.equal(changes.length, 1);
  clock.advance(1000);
  t.strictSame(await change, { certificate: true, bundle: false });
  t.not(leafOf(identity).serialNumber, serial);
  t.equal(ca.tokens.length, 2);
});

t.test('a leaf that waits for its beginning is served when the one before ends sooner', async (t) => {
  const { identity, ca, clock, issued, nextChange, elsewhere } = setUp(t);
  await issued();
  const endMs = Date.parse(leafOf(identity).validTo);
  ca.fault = 'ERR_CA_UNAVAILABLE';
  clock.advance(endMs - clock.now() - 60_000);
  await new Promise(setImmediate);
  ca.fault = 'none';
  ca.beginsInMs = 240_000;
  await elsewhere('another token');
  t.ok(identity.hasValidSvid());
  const change = nextChange();
  clock.advance(endMs - clock.now());
  await change;
  t.ok(Date.parse(leafOf(identity).validTo) > endMs);
});

t.test('while a leaf waits for its beginning, one that begins sooner takes its place', async (t) => {
  const { identity, ca, clock, issued, nextChange, elsewhere } = setUp(t);
  await issued();
  ca.beginsInMs = 300_000;
  await elsewhere('another token');
  ca.beginsInMs = 10_000;
  await elsewhere('a third token');
  const change = nextChange();
  clock.advance(11_000);
  await change;
  t.ok(Date.parse(leafOf(identity).validFrom) <= clock.now());
});

t.test('a leaf that begins later than five minutes from now is refused', async (t) => {
  const { identity, ca, nextFailure } = setUp(t);
  ca.beginsInMs = 302_000;
  const failure = nextFailure();
  identity.start();
  t.match(await failure, { code: 'ERR_SVID_NOT_VALID_NOW' });
});

t.test('close ends the wait for the beginning of a leaf', async (t) => {
  const { identity, ca, clock, issued, changes, elsewhere } = setUp(t);
  await issued();
  ca.beginsInMs = 100_000;
  await elsewhere('another token');
  await identity.close();
  clock.advance(200_000);
  await new Promise(setImmediate);
  t.equal(changes.length, 1);
});

t.test('row 53: a clock that jumps past the renewal is noticed within half a minute', async (t) => {
  const { clock, issued, nextChange } = setUp(t);
  await issued();
  clock.jump(TTL_MS / 2 + 1000);
  const change = nextChange();
  clock.advance(30_000);
  await change;
});

t.test('row 53: a clock that is set back does not put the renewal off', async (t) => {
  const { clock, issued, nextChange } = setUp(t);
  await issued();
  clock.jump(-TTL_MS / 2);
  const change = nextChange();
  clock.advance(TTL_MS / 2 + 1000);
  t.strictSame(await change, { certificate: true, bundle: false });
});

t.test('nor the next try behind a failure', async (t) => {
  const { clock, identity, ca, nextFailure, nextChange } = setUp(t);
  ca.fault = 'ERR_CA_UNAVAILABLE';
  const failure = nextFailure();
  identity.start();
  await failure;
  ca.fault = 'none';
  clock.jump(-200_000);
  const change = nextChange();
  clock.advance(1000);
  await change;
});

t.test(
  'a clock that is set back by a day keeps what is held, says why no other comes, and is well again with it',
  async (t) => {
    const { clock, identity, issued, nextFailure, nextChange, ca, lines } = setUp(t);
    await issued();
    const { serial } = identity.status();
    clock.jump(-DAY_MS);
    ca.beginsInMs = DAY_MS - 120_000;
    ca.lifeMs = DAY_MS + TTL_MS;
    const failure = nextFailure();
    clock.advance(TTL_MS / 2 + 1000);
    t.match(await failure, { code: 'ERR_SVID_NOT_VALID_NOW' });
    t.match(JSON.parse(lines.at(-1) ?? ''), { level: 'warn', msg: 'svid renewal failed' });
    t.equal(identity.status().serial, serial);
    clock.jump(DAY_MS);
    ca.beginsInMs = -120_000;
    ca.lifeMs = undefined;
    const change = nextChange();
    clock.advance(30_000);
    await change;
    t.not(identity.status().serial, serial);
  },
);

t.test('close ends the CSR in flight and plans no other', async (t) => {
  const { identity, ca, clock } = setUp(t);
  ca.fault = 'hang';
  identity.start();
  await ca.untilCalled(1);
  await identity.close();
  t.equal(clock.armed, 0);
});

t.test('what holds a key shows it to nobody', async (t) => {
  const { identity, issued, lines } = setUp(t);
  await issued();
  const shown = `${JSON.stringify(identity.certificate())}${inspect(identity.certificate(), { depth: 9 })}${lines.join('')}`;
  t.notMatch(shown, /PRIVATE KEY|LS0tLS/);
  t.match(shown, /\[redacted secret\]/);
});

t.test('the old key is wiped as soon as the new one is published', async (t) => {
  const { identity, clock, issued, nextChange } = setUp(t);
  await issued();
  const old = identity.certificate();
  const memory = old?.body;
  t.ok(memory?.includes('PRIVATE KEY'));
  const change = nextChange();
  clock.advance(TTL_MS / 2 + 1000);
  await change;
  await new Promise(setImmediate);
  t.ok(memory?.every((byte) => byte === 0));
  t.throws(() => old?.body, { code: 'ERR_INTERNAL' }, 'and nobody reads zeros for it');
  t.ok(identity.certificate()?.body.includes('PRIVATE KEY'));
});
