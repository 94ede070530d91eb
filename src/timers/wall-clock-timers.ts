import { monotonicMs } from './monotonic-clock.js';

/**
 * Due times are wall-clock times, and the wall clock moves: machines are suspended, clocks are set. The wheel never
 * sleeps longer than this before it looks at the clock again.
 */
const MAX_SLEEP_MS = 30_000;

/** What the wheel needs of its surroundings. */
export interface TimerClock {
  /** Epoch milliseconds. */
  now(): number;
  /** Calls `fire` once after about `delayMs`; the result cancels it. Must not keep the process alive. */
  after(delayMs: number, fire: () => void): () => void;
  /** Milliseconds that only go forward, suspended or not; the system's if left out. */
  elapsed?(): number;
}

/** The system's clock and timers. */
export const systemClock: TimerClock = {
  now: Date.now,
  after(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** A call that has not happened yet. */
export interface ScheduledCall {
  cancel(): void;
}

interface Entry {
  /** By the wall clock. */
  readonly dueAtMs: number;
  /** By elapsed time, unless the clock is set. */
  readonly dueAtElapsedMs: number;
  readonly call: () => void;
}

/**
 * Any number of due times on one timer. A call comes when the wall clock has passed its time, after a suspend or a jump
 * of the clock at most 30 s late; and, where the clock is set back meanwhile, as soon as so much time has elapsed as
 * there was until then. A certificate ends for its peers when it would have ended, and a retry of seconds is not to
 * wait for the day that a clock has lost. Who must not act before the wall clock says so, asks it.
 */
export class WallClockTimers {
  private readonly entries = new Set<Entry>();
  private disarm: (() => void) | undefined;
  private armedForElapsedMs = Number.POSITIVE_INFINITY;
  private closed = false;
  private readonly elapsed: () => number;

  constructor(private readonly clock: TimerClock) {
    this.elapsed = () => (clock.elapsed === undefined ? monotonicMs() : clock.elapsed());
  }

  /**
   * Calls `call` once when the clock has passed `dueAtMs` (epoch milliseconds); nothing after {@link close}.
   * @throws RangeError when that is no time: compared with NaN no time is ever due, and what should be renewed would
   * end instead.
   */
  schedule(dueAtMs: number, call: () => void): ScheduledCall {
    if (Number.isNaN(dueAtMs)) throw new RangeError('due time: got NaN, expected epoch milliseconds');
    if (this.closed) return { cancel() {} };
    const elapsedMs = this.elapsed();
    const dueAtElapsedMs = elapsedMs + dueAtMs - this.clock.now();
    const entry: Entry = { dueAtMs, dueAtElapsedMs, call };
    this.entries.add(entry);
    if (dueAtElapsedMs < this.armedForElapsedMs) this.arm(dueAtElapsedMs, elapsedMs);
    return { cancel: () => void this.entries.delete(entry) };
  }

  /** Forgets all calls. Safe to call twice. */
  close(): void {
    this.closed = true;
    this.entries.clear();
    this.disarm?.();
  }

  private arm(dueAtElapsedMs: number, elapsedMs: number): void {
    this.disarm?.();
    const delayMs = Math.min(MAX_SLEEP_MS, Math.max(0, Math.ceil(dueAtElapsedMs - elapsedMs)));
    this.armedForElapsedMs = elapsedMs + delayMs;
    this.disarm = this.clock.after(delayMs, () => this.turn());
  }

  /** Runs what is due, then sleeps until the next. Entries are few thousand at most: a scan costs less than a heap. */
  private turn(): void {
    const nowMs = this.clock.now();
    const elapsedMs = this.elapsed();
    let nextMs = Number.POSITIVE_INFINITY;
    const due: Entry[] = [];
    for (const entry of this.entries) {
      const leftMs = Math.min(entry.dueAtMs - nowMs, entry.dueAtElapsedMs - elapsedMs);
      if (leftMs <= 0) due.push(entry);
      else nextMs = Math.min(nextMs, leftMs);
    }
    this.armedForElapsedMs = Number.POSITIVE_INFINITY;
    this.disarm = undefined;
    if (nextMs < Number.POSITIVE_INFINITY) this.arm(elapsedMs + nextMs, elapsedMs);
    // Calls may schedule others or cancel one another: what was cancelled meanwhile is no longer in the set.
    for (const entry of due) if (this.entries.delete(entry)) entry.call();
  }
}
