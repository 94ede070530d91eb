import type { IdentityError } from '../errors/index.js';
import type { AuthenticatedWorkload, Authenticator } from './authenticator.js';
import { JwksFile, type JwksFileOptions } from './jwks-file.js';
import { quoted, readWorkload, type WorkloadOptions } from './service-account-claims.js';
import { parseSignedToken, refused, type SignedToken } from './signed-token.js';
import { checkClaims, type ExpectedClaims } from './token-claims.js';
import type { VerificationKey } from './verification-keys.js';

export interface JwksAuthenticatorOptions extends JwksFileOptions, ExpectedClaims, WorkloadOptions {}

/**
 * A key set has one or two keys of a kind, a few more in the middle of a change. Each costs a verification, which a
 * forged token makes us do.
 */
const MAX_KEYS_TRIED = 8;

/**
 * Verifies service-account JWTs by the cluster's public keys, without asking anybody: signature, issuer, audience,
 * time and subject. What such a check cannot know: whether the token's pod or service account still exists.
 * @throws IdentityError `ERR_JWKS_INVALID` when the file cannot be used at start.
 */
export async function createJwksAuthenticator(options: JwksAuthenticatorOptions): Promise<Authenticator> {
  const file = await JwksFile.open(options);
  return {
    async authenticate(bearerToken): Promise<AuthenticatedWorkload> {
      const token = parseSignedToken(bearerToken);
      verifySignature(token, await keysFor(token, file));
      return readWorkload(checkClaims(token.payload, options, options.now()), options);
    },
  };
}

/**
 * The keys that may have signed the token, the likeliest first. Its key id is a hint: key sets are edited by hand, some have no
 * ids, and some have one id twice. (RFC 7515 §4.1.4)
 */
async function keysFor({ alg, kid }: SignedToken, file: JwksFile): Promise<VerificationKey[]> {
  const fitting = (keys: readonly VerificationKey[]) => keys.filter((key) => key.isFor(alg));
  const isNamed = (key: VerificationKey) => key.hasId(kid);
  let found = fitting(await file.keys());
  // A key that the file did not have at our last look may be there now.
  if (!found.some(isNamed)) {
    const newer = await file.keysForUnknownId();
    if (newer !== undefined) found = fitting(newer);
  }
  if (found.length === 0) throw refused(`key: got id ${quoted(kid)} with ${alg}, expected one of the JWKS file`);
  const others = found.filter((key) => !isNamed(key));
  return [...found.filter(isNamed), ...others].slice(0, MAX_KEYS_TRIED);
}

/** @throws IdentityError `ERR_TOKEN_REFUSED`: none of the keys verifies it. */
function verifySignature(token: SignedToken, keys: readonly VerificationKey[]): void {
  const { alg, signedText, signature } = token;
  let fault: unknown;
  for (const key of keys) {
    try {
      if (key.verifies(alg, signedText, signature)) return;
    } catch (error) {
      fault ??= error;
    }
  }
  throw unverified(token, keys, fault);
}

function unverified({ alg, kid }: SignedToken, keys: readonly VerificationKey[], fault: unknown): IdentityError {
  if (kid !== undefined && !keys[0]?.hasId(kid)) {
    return refused(
      `key: got id ${quoted(kid)} with ${alg}, which the JWKS file has not, and no other key verifies it`,
      fault,
    );
  }
  const tried = keys.length === 1 ? `key ${quoted(kid)}` : `any of ${keys.length} keys, key id ${quoted(kid)}`;
  if (fault !== undefined && keys.length === 1) return refused(`could not be verified with ${alg} by ${tried}`, fault);
  return refused(`signature does not verify by ${tried} with ${alg}`, fault);
}
