/**
 * How long an answer is good for: an agent that retries, or renews the certificates of a restarted Envoy, asks several
 * times within seconds. What has changed since counts so much later.
 */
const MEMORY_MS = 10_000;

/** Answers that are kept: more than are asked for within {@link MEMORY_MS}, at a hundred bytes each. */
const MAX_REMEMBERED = 20_000;

interface Remembered<T> {
  readonly untilMs: number;
  readonly answer: Promise<T>;
}

/** One question for all who want the same to be known at the same time, and within some seconds after that. */
export class ShortMemory<T> {
  /** By key, the oldest first. */
  private readonly remembered = new Map<string, Remembered<T>>();

  constructor(
    /** Epoch milliseconds. */
    private readonly now: () => number,
  ) {}

  /** What could not be answered, and an answer that is not worth it, is asked for again by the next. */
  of(key: string, ask: () => Promise<T>, isWorthIt: (answer: T) => boolean = () => true): Promise<T> {
    const nowMs = this.now();
    const known = this.remembered.get(key);
    // A clock that was set back must not prolong it.
    if (known !== undefined && nowMs < known.untilMs && nowMs >= known.untilMs - MEMORY_MS) return known.answer;
    const answer = ask();
    this.remember(key, { untilMs: nowMs + MEMORY_MS, answer });
    const forget = (): void => {
      if (this.remembered.get(key)?.answer === answer) this.remembered.delete(key);
    };
    answer.then((value) => {
      if (!isWorthIt(value)) forget();
    }, forget);
    return answer;
  }

  private remember(key: string, one: Remembered<T>): void {
    const nowMs = this.now();
    this.remembered.delete(key);
    this.remembered.set(key, one);
    for (const [oldest, { untilMs }] of this.remembered) {
      if (untilMs > nowMs && this.remembered.size <= MAX_REMEMBERED) break;
      this.remembered.delete(oldest);
    }
  }
}
