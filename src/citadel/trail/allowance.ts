/** A bucket of tokens: so many at once, and so many a second in the long run. */
export class Allowance {
  private left: number;
  private countedAtMs: number;

  /** `now` gives milliseconds that only go forward. */
  constructor(
    private readonly burst: number,
    private readonly perSecond: number,
    private readonly now: () => number,
  ) {
    this.left = burst;
    this.countedAtMs = now();
  }

  /** Takes one; false when there is none. */
  take(): boolean {
    const nowMs = this.now();
    this.left = Math.min(this.burst, this.left + ((nowMs - this.countedAtMs) * this.perSecond) / 1000);
    this.countedAtMs = nowMs;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}
