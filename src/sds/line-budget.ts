/** Lines in a row that a stream may cause, and the time after which it may cause as many again. */
const LINES = 5;
const PERIOD_MS = 60_000;

/** Bounds what one peer can write into our log: a few lines a minute, and how many more there would have been. */
export class LineBudget {
  #left = LINES;
  #refilledAtMs: number;
  #withheld = 0;

  constructor(nowMs: number) {
    this.#refilledAtMs = nowMs;
  }

  /** `undefined`: no line now. Else how many were kept back since the last one. */
  take(nowMs: number): number | undefined {
    if (nowMs - this.#refilledAtMs >= PERIOD_MS) {
      this.#left = LINES;
      this.#refilledAtMs = nowMs;
    }
    if (this.#left === 0) {
      this.#withheld += 1;
      return undefined;
    }
    this.#left -= 1;
    const withheld = this.#withheld;
    this.#withheld = 0;
    return withheld;
  }
}
