import { type ErrorCode, errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';

/**
 * A refused token comes back with each retry of its Envoy, up to ten times a second; for this long the answer is given
 * from memory. Each further refusal doubles the time: who is refused for ever costs the CA one question a minute, and
 * who was refused in the middle of a change of its keys is let in soon.
 */
const FIRST_MS = 5000;
const LONGEST_MS = 60_000;

/** More at once is an attack: the oldest then cost a call to the CA again. About 0.5 kB each. */
const MAX_REMEMBERED = 4096;

/**
 * No error is kept: until its stack is read, it holds all objects that it went through, the call with the token too.
 */
interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
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

  add(hash: string, error: unknown): void {
    const earlier = this.refusals.get(hash);
    const forMs = earlier === undefined ? FIRST_MS : Math.min(earlier.forMs * 2, LONGEST_MS);
    this.refusals.delete(hash);
    const message = messageOf(error);
    this.refusals.set(hash, { code: errorCodeOf(error), message, forMs, untilMs: this.now() + forMs });
    for (const [oldest, { untilMs }] of this.refusals) {
      // Some time longer than its answer stands, so that the next one can stand longer.
      if (untilMs + LONGEST_MS > this.now() && this.refusals.size <= MAX_REMEMBERED) break;
      this.refusals.delete(oldest);
    }
  }

  /** @throws IdentityError with the code and the message that the token was refused with. */
  throwIfRefused(hash: string): void {
    const refusal = this.refusals.get(hash);
    if (refusal === undefined || refusal.untilMs <= this.now()) return;
    throw new IdentityError(refusal.code, refusal.message);
  }

  /** The token has been accepted after all. */
  forget(hash: string): void {
    this.refusals.delete(hash);
  }
}
