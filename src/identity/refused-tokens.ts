/**
 * A refused token comes back with each retry of its Envoy, up to ten times a second; for this long the answer is given
 * from memory. Each further refusal doubles the time: who is refused for ever costs the CA one question a minute, and who
 * was refused in the middle of a change of its keys is let in soon.
 */
const FIRST_MS = 5000;
const LONGEST_MS = 60_000;

/** More at once is somebody trying: the oldest then cost a question again. About 0.5 kB each. */
const MAX_REMEMBERED = 4096;

interface Refusal {
  readonly error: unknown;
  /** How long the answer stands. */
  readonly forMs: number;
  /** Epoch milliseconds. */
  readonly untilMs: number;
}

/** Which tokens were refused lately, by their SHA-256, and why. */
export class RefusedTokens {
  private readonly refusals = new Map<string, Refusal>();

  /** `now` gives epoch milliseconds. */
  constructor(private readonly now: () => number) {}

  get size(): number {
    return this.refusals.size;
  }

  add(hash: string, error: unknown): void {
    const earlier = this.refusals.get(hash);
    const forMs = earlier === undefined ? FIRST_MS : Math.min(earlier.forMs * 2, LONGEST_MS);
    this.refusals.delete(hash);
    this.refusals.set(hash, { error, forMs, untilMs: this.now() + forMs });
    for (const [oldest, { untilMs }] of this.refusals) {
      // Some time longer than its answer stands, so that the next one can stand longer.
      if (untilMs + LONGEST_MS > this.now() && this.refusals.size <= MAX_REMEMBERED) break;
      this.refusals.delete(oldest);
    }
  }

  /** @throws what the token was refused with. */
  throwIfRefused(hash: string): void {
    const refusal = this.refusals.get(hash);
    if (refusal !== undefined && refusal.untilMs > this.now()) throw refusal.error;
  }

  /** The token has been accepted after all. */
  forget(hash: string): void {
    this.refusals.delete(hash);
  }
}
