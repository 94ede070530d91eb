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
  readonly dueAtMs: number;
  readonly call: () => void;
}

/**
 * Any number of due times on one timer. A call comes when the wall clock has passed its time: never before, and after
 * a suspend or a jump of the clock at most 30 s late.
 */
export class WallClockTimers {
  private readonly entries = new Set<Entry>();
  private disarm: (() => void) | undefined;
  private armedForMs = Number.POSITIVE_INFINITY;
  private closed = false;

  constructor(private readonly clock: TimerClock) {}

  /**
   * Calls `call` once when the clock has passed `dueAtMs` (epoch milliseconds); nothing after {@link close}.
   * @throws RangeError when that is no time: compared with NaN no time is ever due, and what should be renewed would
   * end instead.
   */
  schedule(dueAtMs: number, call: () => void): ScheduledCall {
    if (Number.isNaN(dueAtMs)) throw new RangeError('due time: got NaN, expected epoch milliseconds');
    const entry: Entry = { dueAtMs, call };
    if (this.closed) return { cancel() {} };
    this.entries.add(entry);
    if (dueAtMs < this.armedForMs) this.arm(dueAtMs);
    return { cancel: () => void this.entries.delete(entry) };
  }

  /** Forgets all calls. Safe to call twice. */
  close(): void {
    this.closed = true;
    this.entries.clear();
    this.disarm?.();
  }

  private arm(dueAtMs: number): void {
    this.disarm?.();
    this.armedForMs = dueAtMs;
    const delayMs = Math.min(MAX_SLEEP_MS, Math.max(0, Math.ceil(dueAtMs - this.clock.now())));
    this.disarm = this.clock.after(delayMs, () => this.turn());
  }

  /** Runs what is due, then sleeps until the next. Entries are few thousand at most: a scan costs less than a heap. */
  private turn(): void {
    const nowMs = this.clock.now();
    let nextMs = Number.POSITIVE_INFINITY;
    const due: Entry[] = [];
    for (const entry of this.entries) {
      if (entry.dueAtMs <= nowMs) due.push(entry);
      else nextMs = Math.min(nextMs, entry.dueAtMs);
    }
    this.armedForMs = Number.POSITIVE_INFINITY;
    this.disarm = undefined;
    if (nextMs < Number.POSITIVE_INFINITY) this.arm(nextMs);
    // Calls may schedule others or cancel one another: what was cancelled meanwhile is no longer in the set.
    for (const entry of due) if (this.entries.delete(entry)) entry.call();
  }
}
