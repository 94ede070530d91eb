import type { IdentityError } from '../../errors/index.js';
import { quoted } from '../../pki/service-account/index.js';
import type { AuthenticatedWorkload, Authenticator } from './authenticator.js';
import type { KeySet } from './key-set.js';
import { readWorkload, type WorkloadOptions } from './service-account-claims.js';
import { parseSignedToken, refused, type SignedToken } from './signed-token.js';
import { checkClaims } from './token-claims.js';
import type { TokenKeys } from './token-keys.js';
import type { VerificationKey } from './verification-keys.js';

/** What a token must say of itself, beside its issuer. */
export interface TokenExpectations extends WorkloadOptions {
  readonly audiences: readonly string[];
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * A key set has one or two keys of a kind, a few more in the middle of a change. Each costs a verification, which a
 * forged token makes us do.
 */
const MAX_KEYS_TRIED = 8;

/** Keys that turn out to be none while one token is looked at; each is found out once. */
const MAX_FAULTS = 64;

/**
 * Verifies service-account JWTs by the cluster's public keys, without a call: signature, issuer, audience, time and
 * subject. What such a check cannot know: whether the token's pod or service account still exists.
 */
export function tokenAuthenticator(source: TokenKeys, options: TokenExpectations): Authenticator {
  return {
    async authenticate(bearerToken): Promise<AuthenticatedWorkload> {
      const token = parseSignedToken(bearerToken);
      verifySignature(token, await keySetFor(token, source), source.name);
      const expected = { issuers: source.issuers, audiences: options.audiences };
      return readWorkload(checkClaims(token.payload, expected, options.now()), options);
    },
  };
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

/** @throws IdentityError `ERR_TOKEN_REFUSED`: none of the keys verifies it. */
function verifySignature(token: SignedToken, keys: KeySet, source: string): void {
  const { alg, kid, signedText, signature } = token;
  const tried: VerificationKey[] = [];
  let faults = 0;
  let fault: unknown;
  for (const key of keys.candidates(token)) {
    try {
      if (key.verifies(alg, signedText, signature)) return;
      tried.push(key);
    } catch (error) {
      fault ??= error;
      // It is no candidate any more: the keys behind it have their turn with this token, or with one of the next.
      faults += 1;
    }
    if (tried.length === MAX_KEYS_TRIED || faults === MAX_FAULTS) break;
  }
  if (tried.length + faults === 0) {
    throw refused(`key: got id ${quoted(kid)} with ${alg}, expected one of ${source}`);
  }
  throw unverified(token, { isNamed: keys.hasNamed(token), count: tried.length + faults, source }, fault);
}

interface TriedKeys {
  /** One of them has the id of the token. */
  readonly isNamed: boolean;
  readonly count: number;
  /** Where they are from. */
  readonly source: string;
}

function unverified({ alg, kid }: SignedToken, { isNamed, count, source }: TriedKeys, fault: unknown): IdentityError {
  if (kid !== undefined && !isNamed) {
    return refused(
      `key: got id ${quoted(kid)} with ${alg}, which ${source} has not, and no other key verifies it`,
      fault,
    );
  }
  const tried = count === 1 ? `key ${quoted(kid)}` : `any of ${count} keys, key id ${quoted(kid)}`;
  if (fault !== undefined && count === 1) return refused(`could not be verified with ${alg} by ${tried}`, fault);
  return refused(`signature does not verify by ${tried} with ${alg}`, fault);
}
