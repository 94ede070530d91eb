import { errors, type JWTPayload, UnsecuredJWT } from 'jose';
import { IdentityError } from '../errors/index.js';
import type { TrustDomain } from '../spiffe/index.js';
import type { AuthenticatedWorkload, Authenticator } from './authenticator.js';
import { JwksFile, type JwksFileOptions } from './jwks-file.js';
import { quoted, readWorkload } from './service-account-claims.js';
import { malformed, parseSignedToken, refused, type SignedToken } from './signed-token.js';
import type { VerificationKey } from './verification-keys.js';

export interface JwksAuthenticatorOptions extends JwksFileOptions {
  /** What `iss` must be. */
  readonly issuer: string;
  /** A token must be for one of these (`aud`, a text or a list). Istio's agents ask for `istio-ca`. */
  readonly audiences: readonly string[];
  /** Of the identities that come out. */
  readonly trustDomain: TrustDomain;
}

/** Clocks of one cluster differ by less; more would prolong the life of a stolen token. */
const CLOCK_TOLERANCE_SECONDS = 5;

/**
 * Verifies service-account JWTs by the cluster's public keys, without asking anybody: signature, issuer, audience,
 * time and subject.
 * @throws IdentityError `ERR_JWKS_INVALID` when the file cannot be used at start.
 */
export async function createJwksAuthenticator(options: JwksAuthenticatorOptions): Promise<Authenticator> {
  const file = await JwksFile.open(options);
  return {
    async authenticate(bearerToken): Promise<AuthenticatedWorkload> {
      const token = parseSignedToken(bearerToken);
      verifySignature(token, await keyFor(token, file));
      return readWorkload(verifyClaims(token, options), options.trustDomain);
    },
  };
}

async function keyFor({ alg, kid }: SignedToken, file: JwksFile): Promise<VerificationKey> {
  const fitting = (keys: readonly VerificationKey[]) => keys.filter((key) => key.isFor(alg, kid));
  let found = fitting(await file.keys());
  if (found.length === 0) found = fitting((await file.keysForUnknownId()) ?? []);
  const [key, ...others] = found;
  if (key === undefined) throw refused(`key: got id ${quoted(kid)} with ${alg}, expected one of the JWKS file`);
  if (others.length === 0) return key;
  const named = kid === undefined ? 'no id' : `id ${quoted(kid)}`;
  throw refused(`key: got ${named}, and several keys of the JWKS file could be meant for ${alg}`);
}

/** @throws IdentityError `ERR_TOKEN_REFUSED`. */
function verifySignature({ alg, kid, signedText, signature }: SignedToken, key: VerificationKey): void {
  let isGood: boolean;
  try {
    isGood = key.verifies(alg, signedText, signature);
  } catch (error) {
    throw refused(`could not be verified with ${alg} by key ${quoted(kid)}`, error);
  }
  if (!isGood) throw refused(`signature does not verify by key ${quoted(kid)} with ${alg}`);
}

/** The header of a token that has no signature any more, because it has been verified: jose then checks what is left, the claims. */
const HEADER_WITHOUT_SIGNATURE = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');

/**
 * The claims of a token whose signature is good.
 * @throws IdentityError `ERR_TOKEN_EXPIRED`, `ERR_TOKEN_REFUSED`, `ERR_TOKEN_MALFORMED`.
 */
function verifyClaims({ payload }: SignedToken, { issuer, audiences, now }: JwksAuthenticatorOptions): JWTPayload {
  try {
    return UnsecuredJWT.decode(`${HEADER_WITHOUT_SIGNATURE}.${payload}.`, {
      issuer,
      audience: [...audiences],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(now()),
      // jose takes a token without an end for one that never ends.
      requiredClaims: ['exp'],
    }).payload;
  } catch (error) {
    throw reasonOf(error, { iss: issuer, aud: `one of ${audiences.join(', ')}` }, now());
  }
}

/** jose's errors in our words. Claims may be quoted: the signature has been verified. */
function reasonOf(error: unknown, expected: Readonly<Record<string, string>>, nowMs: number): IdentityError {
  if (error instanceof errors.JWTExpired) {
    const agoSeconds = Math.round(nowMs / 1000 - Number(error.payload.exp));
    return new IdentityError('ERR_TOKEN_EXPIRED', `token has ended ${agoSeconds} s ago, expected one that is valid`);
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, payload } = error;
    return refused(`claim ${claim}: got ${quoted(payload[claim])}, expected ${expected[claim] ?? error.message}`);
  }
  if (error instanceof errors.JOSEError) return malformed(`${error.code}: ${error.message}`);
  return refused('claims could not be verified', error);
}
