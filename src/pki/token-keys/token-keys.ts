import { readJson } from '../../system/small-files/index.js';
import { KeySet } from './key-set.js';
import { type PublicJwk, VerificationKey } from './verification-keys.js';

/** The keys that tokens are verified with, wherever they are from. */
export interface TokenKeys {
  /** As messages name it: `the JWKS file`. */
  readonly name: string;
  /** Those whose tokens they verify: `iss` must be one of these. */
  readonly issuers: readonly string[];
  /** The newest that there are. */
  keys(): KeySet | Promise<KeySet>;
  /**
   * The keys after another look at their source, for a token with a key id that {@link keys} did not have: it may be
   * newer than the last look. `undefined` when there was one for this reason just now: tokens with made-up key ids must
   * not make us read.
   */
  keysForUnknownId(): Promise<KeySet | undefined>;
}

/** A key set holds a handful of keys of less than a kilobyte. */
export const MAX_JWKS_BYTES = 256 * 1024;

/**
 * Reads a JSON Web Key Set (RFC 7517 §5). Keeps public asymmetric keys only: a shared secret could sign what it
 * verifies. Calls `refuse`, which throws, when there is none.
 */
export function parseKeySet(bytes: Buffer, refuse: (got: string, expected: string) => never): KeySet {
  const set = readJson(bytes, refuse);
  if (typeof set !== 'object' || set === null || !('keys' in set) || !Array.isArray(set.keys)) {
    return refuse('no key set', 'a JSON object with an array "keys"');
  }
  const keys = set.keys.filter(isPublicKey);
  if (keys.length === 0) return refuse('no public key', 'at least one of type RSA, EC or OKP');
  return new KeySet(keys.map((key) => new VerificationKey(key)));
}

function isPublicKey(key: unknown): key is PublicJwk {
  if (typeof key !== 'object' || key === null || !('kty' in key)) return false;
  return (key.kty === 'RSA' || key.kty === 'EC' || key.kty === 'OKP') && !('d' in key);
}
