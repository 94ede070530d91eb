/** What {@link Deadlines} need of their surroundings. */
export interface DeadlineClock {
  /** Milliseconds that only go forward. */
  now(): number;
  /** Calls `fire` once after about `delayMs`; the result cancels it. */
  after(delayMs: number, fire: () => void): () => void;
}

const elapsedTime: DeadlineClock = {
  now: () => performance.now(),
  after(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Elapsed time, by timers that do not keep the process alive. */
export const unreferencedTime: DeadlineClock = {
  now: () => performance.now(),
  after(delayMs, fire) {
    const timer = setTimeout(fire, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

/**
 * One time limit for any number of things, on one timer: as all have the same limit, the first that came is the first
 * that is late. While there is none, there is no timer.
 */
export class Deadlines<T> {
  /** When each is late, in the order in which they came. */
  private readonly lateAtMs = new Map<T, number>();
  private disarm: (() => void) | undefined;

  /** `onLate` gets all that are late at one time, and they are no longer here then. */
  constructor(
    private readonly limitMs: number,
    private readonly onLate: (late: readonly T[]) => void,
    private readonly clock: DeadlineClock = elapsedTime,
  ) {}

  add(one: T): void {
    this.lateAtMs.set(one, this.clock.now() + this.limitMs);
    this.disarm ??= this.clock.after(this.limitMs, () => this.fire());
  }

  /** True when it was here, and not late yet. */
  delete(one: T): boolean {
    const wasHere = this.lateAtMs.delete(one);
    if (this.lateAtMs.size === 0) {
      this.disarm?.();
      this.disarm = undefined;
    }
    return wasHere;
  }

  /** The timer of one that is done meanwhile goes on: it is armed again for the first that is left. */
  private fire(): void {
    const nowMs = this.clock.now();
    const late: T[] = [];
    this.disarm = undefined;
    for (const [one, lateAtMs] of this.lateAtMs) {
      if (lateAtMs > nowMs) {
        // A timer may fire a fraction of a millisecond too early: never arm it for less than one.
        this.disarm = this.clock.after(Math.ceil(lateAtMs - nowMs), () => this.fire());
        break;
      }
      late.push(one);
      this.lateAtMs.delete(one);
    }
    if (late.length > 0) this.onLate(late);
  }
}
