import { IdentityError } from '../../errors/index.js';
import { copyForUse, type ReadToken } from '../../pki/service-account/index.js';
import type { TokenSource } from '../identity/index.js';

/** A token that the CA has accepted. */
export interface AcceptedToken extends ReadToken {
  /** SHA-256. */
  readonly hash: string;
}

/** An Envoy whose stream has ended comes back within a second; its second and third try come within this time. */
const EXPECTED_FOR_MS = 10_000;

/** Of the accepted tokens of one workload, the one for renewals: that which ends last. */
export class NewestToken implements TokenSource {
  #held: AcceptedToken | undefined;
  /** When the one before was dropped, epoch milliseconds. */
  #droppedAtMs: number | undefined;
  readonly #listeners = new Set<() => void>();

  /** `now` gives epoch milliseconds. */
  constructor(private readonly now: () => number) {}

  /**
   * Keeps a copy of an accepted token, unless it ends before the held one. Of two that end together the later one
   * stays.
   */
  offer(token: AcceptedToken): void {
    if (this.#held !== undefined && (this.#held.hash === token.hash || this.#held.expiresAtMs > token.expiresAtMs)) {
      return;
    }
    this.drop();
    this.#held = { ...token, bytes: Buffer.from(token.bytes) };
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Of the held one. */
  get hash(): string | undefined {
    return this.#held?.hash;
  }

  async read(): Promise<Buffer> {
    if (this.#held === undefined) {
      throw new IdentityError('ERR_TOKEN_MISSING', 'no stream has brought a token yet, expected one in its metadata');
    }
    return copyForUse(this.#held, this.now());
  }

  /** The held one has expired, or was dropped a moment ago: its streams are ended for that, and bring another one. */
  isExpected(): boolean {
    const nowMs = this.now();
    if (this.#held !== undefined) return this.#held.expiresAtMs <= nowMs;
    return this.#droppedAtMs !== undefined && Math.abs(nowMs - this.#droppedAtMs) <= EXPECTED_FOR_MS;
  }

  /** Wipes it. The hash of what was held, if anything was. */
  drop(): string | undefined {
    const hash = this.#held?.hash;
    if (hash !== undefined) this.#droppedAtMs = this.now();
    this.#held?.bytes.fill(0);
    this.#held = undefined;
    return hash;
  }
}
