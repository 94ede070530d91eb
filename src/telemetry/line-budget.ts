/** After which as many lines may be written again. */
const PERIOD_MS = 60_000;

/** Bounds what peers can write into our log: so many lines a minute, and how many more there would have been. */
export class LineBudget {
  private left = 0;
  private renewedAtMs = Number.NEGATIVE_INFINITY;
  private withheld = 0;

  constructor(private readonly linesPerMinute: number) {}

  /** Begins another minute if it is time; true if it did. */
  renew(nowMs: number): boolean {
    // A clock that was set back must not silence us.
    if (nowMs - this.renewedAtMs < PERIOD_MS && nowMs >= this.renewedAtMs) return false;
    this.left = this.linesPerMinute;
    this.renewedAtMs = nowMs;
    return true;
  }

  /** `undefined`: no line now. Else how many were left out since the last one. */
  take(nowMs: number): number | undefined {
    this.renew(nowMs);
    if (this.left === 0) {
      this.withheld += 1;
      return undefined;
    }
    this.left -= 1;
    const withheld = this.withheld;
    this.withheld = 0;
    return withheld;
  }

  /** Counts a line that is left out although there would be room for it. */
  leaveOut(): void {
    this.withheld += 1;
  }
}
