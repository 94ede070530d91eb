/** So many at once: an Envoy whose configuration changes may get several subscribers one after another. */
const BURST = 4;

/** One more in this time. A client that repeats each of its requests would be in a loop with us without a limit. */
const PERIOD_MS = 1000;

/**
 * How often the repeated requests of one stream are answered. One that comes too soon is answered later, with others.
 */
export class RepeatLimit {
  /** Epoch milliseconds: when all of the burst may be used again. */
  private fullAtMs = 0;

  /** Whether one may be answered at this time, epoch milliseconds; then there is one less for others. */
  take(nowMs: number): boolean {
    // Bounded above, for a clock that was set back.
    const usedMs = Math.min(Math.max(this.fullAtMs - nowMs, 0), BURST * PERIOD_MS);
    const isAllowed = usedMs <= (BURST - 1) * PERIOD_MS;
    this.fullAtMs = nowMs + usedMs + (isAllowed ? PERIOD_MS : 0);
    return isAllowed;
  }
}
