import t from 'tap';
import { RetrySlots } from '../../../src/citadel/issuance/retry-slots.js';
import { retryDelayMs } from '../../../src/timers/index.js';

const AGENTS = 10_000;
const PLACES = 256;

/** In which those who came are counted. */
const WINDOW_MS = 100;

/** Random numbers that are the same in each run. (Lehmer) */
function draws(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

interface Arrival {
  readonly atMs: number;
  readonly failures: number;
}

/** Those that come, the next one first: each millisecond has its list. */
class Calendar {
  private readonly days = new Map<number, Arrival[]>();
  count = 0;

  add(arrival: Arrival): void {
    const day = Math.ceil(arrival.atMs);
    const others = this.days.get(day) ?? [];
    this.days.set(day, others);
    others.push(arrival);
    this.count += 1;
  }

  take(day: number): readonly Arrival[] {
    const arrivals = this.days.get(day) ?? [];
    this.days.delete(day);
    this.count -= arrivals.length;
    return arrivals;
  }
}

/**
 * Agents that all find their CA again at once, as an outage ends, and come back as our agents do until each has its
 * certificate, from a Citadel that signs so many a second. By the millisecond, without a clock.
 */
function drain({ perSecond, heeds }: { readonly perSecond: number; readonly heeds: boolean }) {
  const random = draws();
  const slots = new RetrySlots(random);
  const calendar = new Calendar();
  for (let agent = 0; agent < AGENTS; agent += 1) calendar.add({ atMs: random() * WINDOW_MS, failures: 0 });
  const windows: number[] = [];
  let [inFlight, signed, attempts, served] = [0, 0, 0, 0];
  let nowMs = 0;
  for (; served < AGENTS && nowMs < 600_000; nowMs += 1) {
    signed = inFlight === 0 ? 0 : signed + perSecond / 1000;
    for (; signed >= 1 && inFlight > 0; signed -= 1) {
      inFlight -= 1;
      served += 1;
      slots.issued(nowMs);
    }
    for (const { failures } of calendar.take(nowMs)) {
      attempts += 1;
      const window = Math.floor(nowMs / WINDOW_MS);
      windows[window] = (windows[window] ?? 0) + 1;
      if (inFlight < PLACES) {
        inFlight += 1;
        continue;
      }
      const told = slots.delayMs(nowMs);
      const notSoonerMs = heeds ? told : 0;
      const delayMs = retryDelayMs({ kind: 'overloaded', failures, remainingMs: 0, notSoonerMs }, random());
      calendar.add({ atMs: nowMs + Math.max(1, delayMs), failures: failures + 1 });
    }
  }
  // The first two windows are the outage's end itself.
  return { drainedMs: nowMs, attempts, peak: Math.max(...Array.from(windows, (count = 0) => count).slice(2)) };
}

for (const perSecond of [1000, 2500, 5000]) {
  t.test(`10 000 agents come back in a line to a CA of ${perSecond} certificates a second`, async (t) => {
    const { drainedMs, attempts, peak } = drain({ perSecond, heeds: true });
    const fair = (perSecond * WINDOW_MS) / 1000;
    t.comment(`drained in ${drainedMs} ms, ${attempts} attempts, at most ${peak} in ${WINDOW_MS} ms, ${fair} signed`);
    t.ok(drainedMs < 16_000 + (AGENTS * 1000) / perSecond, `drained in ${drainedMs} ms`);
    t.ok(attempts < 4 * AGENTS, `${attempts} attempts`);
    t.ok(peak < Math.max(3 * fair, 500), `at most ${peak} at once, after the first`);
  });
}

t.test('without being told they come back as a crowd', async (t) => {
  const told = drain({ perSecond: 2500, heeds: true });
  const untold = drain({ perSecond: 2500, heeds: false });
  t.comment(`untold: drained in ${untold.drainedMs} ms, ${untold.attempts} attempts, at most ${untold.peak} at once`);
  t.ok(untold.peak > 3 * told.peak, `${untold.peak} at once, and ${told.peak}`);
  t.ok(untold.attempts > 1.5 * told.attempts, `${untold.attempts} attempts, and ${told.attempts}`);
});
