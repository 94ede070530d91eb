import { monotonicMs } from '../../timers/index.js';

/** What has a deadline. */
export interface Expiring {
  /** On the clock of {@link monotonicMs}. */
  readonly endsAtMs: number;
  /** It is past. */
  expire(): void;
}

/** setTimeout keeps a signed 32-bit delay: above 24.8 days Node fires after 1 ms. Re-armed instead. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * One timer for the deadlines of all calls of a connection, or of a server: nearly every call is over long before its
 * own, so to arm one for each is waste. It does not keep the process alive; connections do.
 */
export class CallDeadlines {
  private timer: NodeJS.Timeout | undefined;
  private armedForMs = Number.POSITIVE_INFINITY;

  /** Those of `calls` count that are in it when the timer fires. */
  constructor(private readonly calls: Iterable<Expiring>) {}

  /** Minds the deadline of a call that is among the others by now. */
  mind(call: Expiring): void {
    if (call.endsAtMs < this.armedForMs) this.arm(call.endsAtMs);
  }

  /** Fires no more. */
  stop(): void {
    clearTimeout(this.timer);
  }

  private arm(atMs: number): void {
    clearTimeout(this.timer);
    this.armedForMs = atMs;
    const delayMs = Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(atMs - monotonicMs())));
    this.timer = setTimeout(fire, delayMs, this).unref();
  }

  /** For the timer. */
  fire(): void {
    this.armedForMs = Number.POSITIVE_INFINITY;
    const nowMs = monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const call of this.calls) {
      if (call.endsAtMs <= nowMs) call.expire();
      else nextMs = Math.min(nextMs, call.endsAtMs);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.arm(nextMs);
  }
}

function fire(deadlines: CallDeadlines): void {
  deadlines.fire();
}
