import type { VerificationKey } from './verification-keys.js';

/** What of a token says which key may have signed it. */
export interface KeyHints {
  readonly alg: string;
  readonly kid: string | undefined;
}

/** Those keys of a set that fit an algorithm. */
interface FittingKeys {
  /** In the order of the set. */
  readonly all: readonly VerificationKey[];
  /** By their ids; one id may be that of several. */
  readonly byId: ReadonlyMap<string, readonly VerificationKey[]>;
}

/**
 * The keys of a JSON Web Key Set, found by what a token says of its own: without a look at all of them for each token.
 */
export class KeySet {
  /** By algorithm, made when the first token of it comes. */
  private readonly fitting = new Map<string, FittingKeys>();

  constructor(private readonly keys: readonly VerificationKey[]) {}

  /** Whether a key with the token's id fits its algorithm. */
  hasNamed({ alg, kid }: KeyHints): boolean {
    return kid !== undefined && this.fittingFor(alg).byId.has(kid);
  }

  /**
   * The keys that may have signed the token: those with its id, then the others, and last those that have turned out to
   * be none, for the message. (RFC 7515 §4.1.4)
   */
  *candidates({ alg, kid }: KeyHints): Generator<VerificationKey> {
    const { all, byId } = this.fittingFor(alg);
    const faulty: VerificationKey[] = [];
    for (const key of (kid !== undefined && byId.get(kid)) || []) {
      if (key.isFaulty) faulty.push(key);
      else yield key;
    }
    for (const key of all) {
      if (key.hasId(kid)) continue;
      if (key.isFaulty) faulty.push(key);
      else yield key;
    }
    yield* faulty;
  }

  private fittingFor(alg: string): FittingKeys {
    const known = this.fitting.get(alg);
    if (known !== undefined) return known;
    const all = this.keys.filter((key) => key.isFor(alg));
    const byId = new Map<string, VerificationKey[]>();
    for (const key of all) {
      if (key.id === undefined) continue;
      const same = byId.get(key.id);
      if (same === undefined) byId.set(key.id, [key]);
      else same.push(key);
    }
    const found = { all, byId };
    this.fitting.set(alg, found);
    return found;
  }
}
