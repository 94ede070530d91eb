import type { TimerClock } from '../../src/timers/index.js';

interface FakeTimer {
  readonly atMs: number;
  readonly fire: () => void;
}

/** A clock that stands still until it is moved. Timers run on elapsed time; the wall clock can jump by itself, too. */
export class FakeClock implements TimerClock {
  #nowMs: number;
  #elapsedMs = 0;
  readonly #timers = new Set<FakeTimer>();
  readonly #waiters: (() => void)[] = [];

  constructor(nowMs = Date.UTC(2030, 0, 1)) {
    this.#nowMs = nowMs;
  }

  readonly now = (): number => this.#nowMs;

  /** Goes on as time passes, whatever becomes of the wall clock. */
  readonly elapsed = (): number => this.#elapsedMs;

  get armed(): number {
    return this.#timers.size;
  }

  after(delayMs: number, fire: () => void): () => void {
    const timer = { atMs: this.#elapsedMs + delayMs, fire };
    this.#timers.add(timer);
    for (const wake of this.#waiters.splice(0)) wake();
    return () => void this.#timers.delete(timer);
  }

  /** Resolves as soon as a timer is armed. */
  async untilArmed(): Promise<void> {
    while (this.#timers.size === 0) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Lets time pass, firing what falls due on the way, in order. */
  advance(milliseconds: number): void {
    const endMs = this.#elapsedMs + milliseconds;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#pass(next.atMs - this.#elapsedMs);
      this.#timers.delete(next);
      next.fire();
    }
    this.#pass(endMs - this.#elapsedMs);
  }

  /** Sets the wall clock; timers notice nothing, as after a suspend. */
  jump(milliseconds: number): void {
    this.#nowMs += milliseconds;
  }

  #pass(milliseconds: number): void {
    this.#elapsedMs += milliseconds;
    this.#nowMs += milliseconds;
  }
}
