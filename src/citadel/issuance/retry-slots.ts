/**
 * Until certificates have been counted while callers were refused: what two cores sign. On a slower machine some come
 * too soon and are refused once more, which costs little; on a faster one it has nothing to do for a moment.
 */
const FIRST_PER_SECOND = 2000;

/** Of what is signed: the rest is for those who come for the first time meanwhile. */
const SHARE = 0.8;

/** The rate is learned from such stretches of time in which callers were refused: else it is theirs and not ours. */
const WINDOW_MS = 500;

/** Who is refused now would be so in a moment. */
const MIN_DELAY_MS = 100;

/**
 * A longer line is not promised a moment: those behind are spread over the second half of this time. At 3 000
 * certificates a second the line has 36 000 callers.
 */
const MAX_DELAY_MS = 15_000;

/**
 * Moments are told by so many milliseconds, rounded up: fewer callers than there are places come at one of them, and
 * the answers of thousands are the same bytes.
 */
const STEP_MS = 10;

/**
 * A line of which no caller has come for so long is forgotten: they have found another replica, or never meant to come
 * back. Those who come now must not wait behind them.
 */
const FORSAKEN_MS = 300;

/** A slow key signs less than three certificates a second: no caller comes within that time then. */
const FORSAKEN_SPACINGS = 2;

/** Who has its share waits for its own requests, which are answered sooner. */
const MIN_SHARE_DELAY_MS = 1000;

/**
 * When callers that are refused for want of room are to come back. Each gets a moment of its own, one behind the other,
 * as fast as certificates go out: a crowd that comes at once comes back in a line, and not as a second crowd. Pure but
 * for what it remembers.
 */
export class RetrySlots {
  private perSecond = FIRST_PER_SECOND;
  private nextMs = Number.NEGATIVE_INFINITY;
  private windowFromMs = Number.NEGATIVE_INFINITY;
  private served = 0;
  private refused = 0;
  private lastMs = Number.NEGATIVE_INFINITY;

  /** `random` is in [0, 1). */
  constructor(private readonly random: () => number) {}

  /** A certificate has gone out. `nowMs`: elapsed time, as of {@link delayMs}. */
  issued(nowMs: number): void {
    this.served += 1;
    this.learn(nowMs);
  }

  /** In how many milliseconds a caller that is refused now is to come back. */
  delayMs(nowMs: number): number {
    this.refused += 1;
    this.learn(nowMs);
    const slotMs = Math.max(this.nextMs, nowMs + MIN_DELAY_MS);
    const delayMs = slotMs - nowMs;
    if (delayMs > MAX_DELAY_MS) return inSteps(MAX_DELAY_MS * (0.5 + this.random() / 2));
    this.nextMs = slotMs + this.spacingMs;
    return inSteps(delayMs);
  }

  /**
   * The same for a caller that has its share while places are free: in the second half of the line, but it takes no
   * moment in it, or one caller alone would send all others to its end.
   */
  shareDelayMs(nowMs: number): number {
    this.learn(nowMs);
    return inSteps(Math.max(MIN_SHARE_DELAY_MS, this.nextMs - nowMs) * (0.5 + this.random() / 2));
  }

  /** Between two moments of the line. */
  private get spacingMs(): number {
    return 1000 / (this.perSecond * SHARE);
  }

  private learn(nowMs: number): void {
    if (nowMs - this.lastMs >= Math.max(FORSAKEN_MS, FORSAKEN_SPACINGS * this.spacingMs)) this.nextMs = nowMs;
    this.lastMs = nowMs;
    const elapsedMs = nowMs - this.windowFromMs;
    if (elapsedMs < WINDOW_MS) return;
    // A longer window says nothing: no caller was served or refused at its end.
    if (this.refused > 0 && this.served > 0 && elapsedMs < 2 * WINDOW_MS) {
      const seen = (this.served * 1000) / elapsedMs;
      this.perSecond += (seen - this.perSecond) / 2;
    }
    this.windowFromMs = nowMs;
    this.served = 0;
    this.refused = 0;
  }
}

function inSteps(delayMs: number): number {
  return Math.ceil(delayMs / STEP_MS) * STEP_MS;
}
