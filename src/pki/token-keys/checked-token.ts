import type { IdentityError } from '../../errors/index.js';
import { type Claims, quoted } from '../service-account/index.js';
import type { KeySet } from './key-set.js';
import { parseSignedToken, refused, type SignedToken } from './signed-token.js';
import { checkClaims } from './token-claims.js';
import type { TokenKeys } from './token-keys.js';
import type { VerificationKey } from './verification-keys.js';

/** What a token must say of itself, beside its issuer. */
export interface TokenExpectations {
  readonly audiences: readonly string[];
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What a check by keys has found of a token that it does not refuse. */
export type TokenFinding =
  | { readonly kind: 'verified'; readonly claims: Claims }
  /**
   * It names a key that the set does not have, also after another look at its source, and no other key verifies it. Its
   * claims have not been checked.
   */
  | { readonly kind: 'unknown-key'; readonly reason: IdentityError };

/**
 * A key set has one or two keys of a kind, a few more in the middle of a change. Each costs a verification, which a
 * forged token makes us do.
 */
const MAX_KEYS_TRIED = 8;

/** Keys that turn out to be none while one token is looked at; each is found out once. */
const MAX_FAULTS = 64;

/**
 * Checks a service-account JWT by public keys, without a call: signature, issuer, audience and time.
 * @throws IdentityError `ERR_TOKEN_MALFORMED`, `ERR_TOKEN_EXPIRED` or `ERR_TOKEN_REFUSED`.
 */
export async function checkToken(
  text: string,
  source: TokenKeys,
  { audiences, now }: TokenExpectations,
): Promise<TokenFinding> {
  const token = parseSignedToken(text);
  const keys = await keySetFor(token, source);
  const reason = whyUnverified(token, keys, source.name);
  if (reason !== undefined) {
    if (isOfUnknownKey(token, keys)) return { kind: 'unknown-key', reason };
    throw reason;
  }
  return { kind: 'verified', claims: checkClaims(token.payload, { issuers: source.issuers, audiences }, now()) };
}

/** A token without a key id says nothing of its key: it is taken for one of those that are known. */
function isOfUnknownKey(token: SignedToken, keys: KeySet): boolean {
  return token.kid !== undefined && !keys.hasNamed(token);
}

/**
 * The key set to look for the token's key in. Its key id is a hint: key sets are edited by hand, some have no ids, and
 * some have one id twice. (RFC 7515 §4.1.4)
 */
async function keySetFor(token: SignedToken, source: TokenKeys): Promise<KeySet> {
  const keys = await source.keys();
  if (keys.hasNamed(token)) return keys;
  // A key that the source did not have at our last look may be there now.
  return (await source.keysForUnknownId()) ?? keys;
}

/** Why none of the keys verifies it; `undefined` when one does. */
function whyUnverified(token: SignedToken, keys: KeySet, source: string): IdentityError | undefined {
  const { alg, kid, signedText, signature } = token;
  const tried: VerificationKey[] = [];
  let faults = 0;
  let fault: unknown;
  for (const key of keys.candidates(token)) {
    try {
      if (key.verifies(alg, signedText, signature)) return undefined;
      tried.push(key);
    } catch (error) {
      fault ??= error;
      // It is no candidate any more: the keys behind it have their turn with this token, or with one of the next.
      faults += 1;
    }
    if (tried.length === MAX_KEYS_TRIED || faults === MAX_FAULTS) break;
  }
  if (tried.length + faults === 0) {
    return refused(`key: got id ${quoted(kid)} with ${alg}, expected one of ${source}`);
  }
  return unverified(token, { isUnknown: isOfUnknownKey(token, keys), count: tried.length + faults, source }, fault);
}

interface TriedKeys {
  /** None of them has the id that the token names. */
  readonly isUnknown: boolean;
  readonly count: number;
  /** Where they are from. */
  readonly source: string;
}

function unverified({ alg, kid }: SignedToken, { isUnknown, count, source }: TriedKeys, fault: unknown): IdentityError {
  if (isUnknown) {
    return refused(
      `key: got id ${quoted(kid)} with ${alg}, which ${source} has not, and no other key verifies it`,
      fault,
    );
  }
  const tried = count === 1 ? `key ${quoted(kid)}` : `any of ${count} keys, key id ${quoted(kid)}`;
  if (fault !== undefined && count === 1) return refused(`could not be verified with ${alg} by ${tried}`, fault);
  return refused(`signature does not verify by ${tried} with ${alg}`, fault);
}
