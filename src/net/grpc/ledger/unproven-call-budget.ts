/**
 * Tries that are there for one peer's connections which have proven nothing. An agent may have the tokens of two
 * thousand pods refused at once.
 */
const MAX_TRIES = 4000;

/**
 * Those that are used up come back so fast: to look at a token takes 60 µs, and the handshake of a connection for it a
 * millisecond.
 */
const TRIES_PER_SECOND = 100;

/** Peers that have used some up and not got them back: the one that was seen longest ago is forgotten above it. */
const MAX_PEERS = 4096;

interface Left {
  tries: number;
  atMs: number;
}

/**
 * Tries of unproven connections, by peer: a request whose token has to be looked at takes one, and gets it back when
 * the token is accepted. Who opens a connection for each forged token uses up those of its address, and not those of
 * others, nor of who is proven. (A token bucket)
 */
export class UnprovenCallBudget {
  /** By the key of the peer, the one that has come last at the end. */
  private readonly left = new Map<string | number, Left>();

  /** Milliseconds, never going back. */
  constructor(private readonly now: () => number) {}

  /** False when there is none, or none but those that are to be `kept`. */
  take(key: string | number, kept = 0): boolean {
    const left = this.left.get(key) ?? { tries: MAX_TRIES, atMs: this.now() };
    const tries = this.refilled(left);
    if (tries < 1 + kept) return false;
    left.tries = tries - 1;
    left.atMs = this.now();
    this.left.delete(key);
    this.left.set(key, left);
    if (this.left.size > MAX_PEERS) this.forgetOldest();
    return true;
  }

  giveBack(key: string | number): void {
    const left = this.left.get(key);
    if (left === undefined) return;
    left.tries += 1;
    if (this.refilled(left) >= MAX_TRIES) this.left.delete(key);
  }

  /** Forgets who has all of them again. */
  sweep(): void {
    for (const [key, left] of this.left) if (this.refilled(left) >= MAX_TRIES) this.left.delete(key);
  }

  private refilled({ tries, atMs }: Left): number {
    return Math.min(MAX_TRIES, tries + ((this.now() - atMs) / 1000) * TRIES_PER_SECOND);
  }

  private forgetOldest(): void {
    for (const key of this.left.keys()) {
      this.left.delete(key);
      return;
    }
  }
}
