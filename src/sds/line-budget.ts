/** After which as many lines may be written again. */
const PERIOD_MS = 60_000;

/** Bounds what peers can write into our log: so many lines a minute, and how many more there would have been. */
export class LineBudget {
  private left = 0;
  private refilledAtMs = Number.NEGATIVE_INFINITY;
  private withheld = 0;

  constructor(private readonly linesPerMinute: number) {}

  /** `undefined`: no line now. Else how many were kept back since the last one. */
  take(nowMs: number): number | undefined {
    // A clock that was set back must not silence us.
    if (nowMs - this.refilledAtMs >= PERIOD_MS || nowMs < this.refilledAtMs) {
      this.left = this.linesPerMinute;
      this.refilledAtMs = nowMs;
    }
    if (this.left === 0) {
      this.withheld += 1;
      return undefined;
    }
    this.left -= 1;
    const withheld = this.withheld;
    this.withheld = 0;
    return withheld;
  }
}
