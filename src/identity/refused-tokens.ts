/** A refused token comes back with each retry of its Envoy; for this long the answer is given from memory. */
const REMEMBERED_MS = 5000;

/** More at once is somebody trying: the oldest then cost a question again. About 0.5 kB each. */
const MAX_REMEMBERED = 4096;

/** Which tokens were refused lately, by their SHA-256, and why. */
export class RefusedTokens {
  readonly #refusals = new Map<string, { readonly error: unknown; readonly untilMs: number }>();

  /** `now` gives epoch milliseconds. */
  constructor(private readonly now: () => number) {}

  get size(): number {
    return this.#refusals.size;
  }

  add(hash: string, error: unknown): void {
    this.#refusals.delete(hash);
    this.#refusals.set(hash, { error, untilMs: this.now() + REMEMBERED_MS });
    for (const [oldest, { untilMs }] of this.#refusals) {
      if (untilMs > this.now() && this.#refusals.size <= MAX_REMEMBERED) break;
      this.#refusals.delete(oldest);
    }
  }

  /** @throws what the token was refused with. */
  throwIfRefused(hash: string): void {
    const refusal = this.#refusals.get(hash);
    if (refusal === undefined) return;
    if (refusal.untilMs > this.now()) throw refusal.error;
    this.#refusals.delete(hash);
  }
}
