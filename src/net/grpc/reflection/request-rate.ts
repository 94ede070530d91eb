const PERIOD_MS = 1000;

/** Counts requests, and tells when a second has had more than it may have. */
export class RequestRate {
  private count = 0;
  private sinceMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly maxPerSecond: number,
    /** Milliseconds, never going back. */
    private readonly now: () => number,
  ) {}

  /** Counts one. False when it is one too many. */
  allows(): boolean {
    const nowMs = this.now();
    if (nowMs - this.sinceMs >= PERIOD_MS) {
      this.sinceMs = nowMs;
      this.count = 0;
    }
    this.count += 1;
    return this.count <= this.maxPerSecond;
  }
}
