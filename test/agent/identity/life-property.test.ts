import t, { type Test } from 'tap';
import { SvidIssuance, WorkloadIdentity } from '../../../src/agent/identity/index.js';
import type { ErrorCode } from '../../../src/errors/index.js';
import { SpiffeId } from '../../../src/pki/spiffe/index.js';
import { WallClockTimers } from '../../../src/timers/index.js';
import { FakeClock } from '../../support/fake-clock.js';
import { openHotPath } from '../../support/hot-path.js';
import { InProcessCa } from '../../support/in-process-ca.js';
import { seededRandom } from '../../support/prng.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const ID = SpiffeId.parse('spiffe://cluster.local/ns/foo/sa/sleep');
const MINUTE_MS = 60_000;
const TTL_MS = 5 * MINUTE_MS;
const HISTORIES = 24;
const STEPS = 40;

/** Shorter than this no leaf may be published. */
const MIN_USEFUL_LIFE_MS = 2000;

/** A refused CA is asked again after 30 s at the latest, a jump of the clock is noticed as late as that. */
const RECOVERY_MS = 61_000;

const hotPath = openHotPath();

const FAULTS: readonly ('none' | ErrorCode)[] = [
  ...Array.from({ length: 9 }, () => 'none' as const),
  'ERR_CA_UNAVAILABLE',
  'ERR_CA_DEADLINE',
  'ERR_CA_OVERLOADED',
  'ERR_CA_REFUSED_TOKEN',
  'ERR_CA_REJECTED_CSR',
  'ERR_CA_RESPONSE_INVALID',
  'ERR_TOKEN_EXPIRED',
];
const LIVES_MS = [undefined, undefined, undefined, -86_400_000, -1000, 500, 3000, 30_000, 90_000];
const JUMPS_MS = [-7200_000, -400_000, -3000, 3000, 40_000, 400_000];

class History {
  readonly clock = new FakeClock(Date.now());
  readonly #beganAtMs = this.clock.now();
  readonly #timers = new WallClockTimers(this.clock);
  readonly ca = new InProcessCa(hotPath, () => this.trueNow());
  readonly identity: WorkloadIdentity;
  /** What does not hold, at the moment of a publication. */
  readonly wrong: string[] = [];
  publications = 0;
  #lastEndMs = 0;
  steps = '';

  constructor(
    readonly random: () => number,
    surviveOutageMs: number | undefined,
  ) {
    const { now } = this.clock;
    const options = { keyType: 'ec-p256', ttlMs: TTL_MS, maxInFlight: 1 } as const;
    const issuance = new SvidIssuance({ ...options, issuer: this.ca, hotPath, now });
    const renewal = { renewAt: 0.1 + 0.8 * random(), surviveOutageMs };
    this.identity = new WorkloadIdentity(
      { issuance, timers: this.#timers, renewal, now, random, logger: new RecordingLogger() },
      { spiffeId: ID, token: { read: async () => Buffer.from('token') } },
    );
    this.identity.onChange(({ certificate }) => {
      if (!certificate) return;
      this.publications += 1;
      const { notAfterMs = 0, svid } = this.identity.status();
      const leftMs = notAfterMs - now();
      if (svid !== 'valid' || leftMs < MIN_USEFUL_LIFE_MS) this.wrong.push(`published with ${leftMs} ms left`);
      if (notAfterMs < this.#lastEndMs && leftMs < MINUTE_MS) this.wrong.push(`replaced by one with ${leftMs} ms left`);
      this.#lastEndMs = notAfterMs;
    });
  }

  /** By the clock of the CA, which nobody sets. */
  trueNow(): number {
    return this.#beganAtMs + this.clock.elapsed();
  }

  /** As long as time passes, whatever falls due is done before it goes on. */
  async pass(spanMs: number): Promise<void> {
    for (let leftMs = Math.ceil(spanMs); leftMs > 0; ) {
      const dueMs = Math.ceil((this.identity.status().nextAttemptMs ?? 0) - this.clock.now());
      const stepMs = Math.min(leftMs, Math.max(1, Math.min(dueMs, 30_000)));
      this.clock.advance(stepMs);
      leftMs -= stepMs;
      await this.settled();
    }
  }

  async settled(): Promise<void> {
    do await new Promise(setImmediate);
    while (this.identity.status().nextAttemptMs === undefined);
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.random() * list.length)] as T;
  }

  async close(): Promise<void> {
    await this.identity.close();
    this.#timers.close();
  }
}

async function play(t: Test, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const history = new History(random, random() < 0.5 ? undefined : random() * TTL_MS);
  const { clock, ca, identity } = history;
  const fail = (what: string): void => {
    t.fail(`seed ${seed}: ${what}, behind ${history.steps}`);
  };
  identity.start();
  await history.settled();
  let held = identity.status();
  for (let step = 0; step < STEPS; step += 1) {
    const draw = random();
    if (draw < 0.1) {
      const jumpMs = history.pick(JUMPS_MS);
      history.steps += ` jump ${jumpMs}`;
      clock.jump(jumpMs);
    } else if (draw < 0.4) {
      ca.fault = history.pick(FAULTS);
      ca.lifeMs = history.pick(LIVES_MS);
      ca.beginsInMs = (ca.lifeMs ?? 0) < 0 ? -2 * 86_400_000 : history.pick([-120_000, -120_000, 20_000]);
      history.steps += ` ${ca.fault} ${ca.lifeMs} ${ca.beginsInMs}`;
    } else {
      const spanMs = 10 ** (2 + 3.3 * random());
      history.steps += ` pass ${Math.round(spanMs)}`;
      const [calls, published] = [ca.tokens.length, history.publications];
      await history.pass(spanMs);
      // Retries of a workload without a certificate come twice a second on average, the first few sooner.
      const most = 20 + (4 * spanMs) / 1000;
      if (ca.tokens.length - calls > most) fail(`${ca.tokens.length - calls} calls in ${spanMs} ms`);
      const isValid = (held.notAfterMs ?? 0) > clock.now();
      const isHeld = identity.hasValidSvid();
      if (isValid && !isHeld) fail('a valid certificate was lost');
      if (history.publications === published && isHeld && !isValid) fail('an expired certificate counts as valid');
    }
    held = identity.status();
  }
  for (const what of history.wrong) fail(what);
  // The CA is well again, and the clock is right.
  ca.fault = 'none';
  ca.lifeMs = undefined;
  ca.beginsInMs = -120_000;
  clock.jump(history.trueNow() - clock.now());
  if (identity.hasValidSvid()) await history.settled();
  else await history.pass(RECOVERY_MS);
  if (!identity.hasValidSvid()) fail('no certificate after all was well again');
  await history.close();
}

t.test(
  'whatever CA and clock do, a valid certificate is never lost, and none that is useless is published',
  async (t) => {
    for (let seed = 1; seed <= HISTORIES; seed += 1) await play(t, seed);
    t.pass(`${HISTORIES} histories`);
  },
);
