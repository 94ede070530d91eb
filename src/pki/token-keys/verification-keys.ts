import { constants, createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { messageOf } from '../../errors/index.js';

/** What an algorithm asks of its key, and how it is verified with it. (RFC 7518 §3, RFC 8037 §3.1) */
interface Algorithm {
  readonly kty: 'RSA' | 'EC' | 'OKP';
  readonly crv?: string;
  /** `null` where the algorithm has its own. */
  readonly digest: string | null;
  readonly how: object;
}

const PKCS1 = { padding: constants.RSA_PKCS1_PADDING };
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
/** Not DER, as elsewhere, but the two numbers one after the other. (RFC 7518 §3.4) */
const ECDSA = { dsaEncoding: 'ieee-p1363' };

/**
 * Asymmetric signatures only: with `HS256` our public keys would be the secret, with `none` there is none. (RFC 8725
 * §3.1)
 */
const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map<string, Algorithm>([
  ['RS256', { kty: 'RSA', digest: 'sha256', how: PKCS1 }],
  ['RS384', { kty: 'RSA', digest: 'sha384', how: PKCS1 }],
  ['RS512', { kty: 'RSA', digest: 'sha512', how: PKCS1 }],
  ['PS256', { kty: 'RSA', digest: 'sha256', how: PSS }],
  ['PS384', { kty: 'RSA', digest: 'sha384', how: PSS }],
  ['PS512', { kty: 'RSA', digest: 'sha512', how: PSS }],
  ['ES256', { kty: 'EC', crv: 'P-256', digest: 'sha256', how: ECDSA }],
  ['ES384', { kty: 'EC', crv: 'P-384', digest: 'sha384', how: ECDSA }],
  ['ES512', { kty: 'EC', crv: 'P-521', digest: 'sha512', how: ECDSA }],
  ['EdDSA', { kty: 'OKP', crv: 'Ed25519', digest: null, how: {} }],
]);

/** The algorithms whose tokens are looked at. */
export const TOKEN_ALGORITHMS: readonly string[] = [...ALGORITHMS.keys()];

/** (RFC 7518 §3.3) */
const MIN_RSA_BITS = 2048;

/** A key of a JSON Web Key Set, as it stands there. (RFC 7517 §4) */
export interface PublicJwk extends JsonWebKey {
  readonly kid?: unknown;
  readonly alg?: unknown;
  readonly use?: unknown;
  readonly key_ops?: unknown;
}

/**
 * A key that verifies tokens, by OpenSSL on the caller's own thread: that takes 35 µs with RSA-2048, and the way
 * through Web Crypto and its threads 60 to 180 µs.
 */
export class VerificationKey {
  #key: KeyObject | undefined;
  /** Why it is none. */
  #fault: string | undefined;

  constructor(private readonly jwk: PublicJwk) {}

  /** Its id, when it has one. */
  get id(): string | undefined {
    return typeof this.jwk.kid === 'string' ? this.jwk.kid : undefined;
  }

  /** Whether it has this id; false without one. */
  hasId(kid: string | undefined): boolean {
    return kid !== undefined && this.jwk.kid === kid;
  }

  /** It has turned out that it is none, or too weak. */
  get isFaulty(): boolean {
    return this.#fault !== undefined;
  }

  /** Whether tokens of this algorithm can be its. */
  isFor(alg: string): boolean {
    const algorithm = ALGORITHMS.get(alg);
    if (algorithm === undefined) return false;
    const { jwk } = this;
    return (
      jwk.kty === algorithm.kty &&
      (algorithm.crv === undefined || jwk.crv === algorithm.crv) &&
      (jwk.alg === undefined || jwk.alg === alg) &&
      (jwk.use === undefined || jwk.use === 'sig') &&
      (jwk.key_ops === undefined || (Array.isArray(jwk.key_ops) && jwk.key_ops.includes('verify')))
    );
  }

  /**
   * Whether `signature` is this key's, of exactly this text. Only for an algorithm that it {@link isFor}.
   * @throws Error the key is none, or too weak.
   */
  verifies(alg: string, text: string, signature: Buffer): boolean {
    const algorithm = ALGORITHMS.get(alg);
    if (algorithm === undefined) return false;
    const key = this.imported();
    return verify(algorithm.digest, Buffer.from(text, 'latin1'), { key, ...algorithm.how }, signature);
  }

  /** Once, also when it fails: callers must not make us do it again for each token. */
  private imported(): KeyObject {
    if (this.#fault !== undefined) throw new Error(this.#fault);
    try {
      this.#key ??= importKey(this.jwk);
      return this.#key;
    } catch (error) {
      this.#fault = messageOf(error);
      throw error;
    }
  }
}

function importKey(jwk: PublicJwk): KeyObject {
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < MIN_RSA_BITS) {
    throw new RangeError(`RSA key: got ${bits} bits, expected at least ${MIN_RSA_BITS}`);
  }
  return key;
}
