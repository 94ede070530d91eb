import { decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import { IdentityError } from '../errors/index.js';
import type { TrustDomain } from '../spiffe/index.js';
import type { AuthenticatedWorkload, Authenticator } from './authenticator.js';
import { JwksFile, type JwksFileOptions } from './jwks-file.js';
import { quoted, readWorkload } from './service-account-claims.js';

export interface JwksAuthenticatorOptions extends JwksFileOptions {
  /** What `iss` must be. */
  readonly issuer: string;
  /** A token must be for one of these (`aud`, a text or a list). Istio's agents ask for `istio-ca`. */
  readonly audiences: readonly string[];
  /** Of the identities that come out. */
  readonly trustDomain: TrustDomain;
}

/** A projected token is 1 to 2 kB; nothing longer is parsed at all. */
const MAX_TOKEN_CHARS = 24 * 1024;

/** Clocks of one cluster differ by less; more would prolong the life of a stolen token. */
const CLOCK_TOLERANCE_SECONDS = 5;

/** Asymmetric signatures only: with `HS256` our public keys would be the secret, with `none` there is none. (RFC 8725 §3.1) */
const ALGORITHMS = [...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'], ...['ES256', 'ES384', 'ES512', 'EdDSA']];

/**
 * Verifies service-account JWTs by the cluster's public keys, without asking anybody: signature, issuer, audience,
 * time and subject.
 * @throws IdentityError `ERR_JWKS_INVALID` when the file cannot be used at start.
 */
export async function createJwksAuthenticator(options: JwksAuthenticatorOptions): Promise<Authenticator> {
  const file = await JwksFile.open(options);
  return {
    async authenticate(bearerToken): Promise<AuthenticatedWorkload> {
      const header = readHeader(bearerToken);
      const payload = await verify(bearerToken, header, file, options);
      return readWorkload(payload, options.trustDomain);
    },
  };
}

interface TokenHeader {
  readonly alg: string;
  readonly kid: string | undefined;
}

function readHeader(token: string): TokenHeader {
  if (token.length > MAX_TOKEN_CHARS) {
    throw malformed(`got ${token.length} characters, expected at most ${MAX_TOKEN_CHARS}`);
  }
  let header: { alg?: unknown; kid?: unknown };
  try {
    header = decodeProtectedHeader(token);
  } catch {
    // Without the cause: it may quote the token.
    throw malformed('got no header that parses, expected a JWT in compact form');
  }
  if (typeof header.alg !== 'string' || !ALGORITHMS.includes(header.alg)) {
    throw refused(`algorithm: got ${quoted(header.alg)}, expected one of ${ALGORITHMS.join(', ')}`);
  }
  return { alg: header.alg, kid: typeof header.kid === 'string' ? header.kid : undefined };
}

async function verify(
  token: string,
  header: TokenHeader,
  file: JwksFile,
  { issuer, audiences, now }: JwksAuthenticatorOptions,
): Promise<JWTPayload> {
  const rules = {
    issuer,
    audience: [...audiences],
    algorithms: ALGORITHMS,
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    currentDate: new Date(now()),
    requiredClaims: ['exp'],
  };
  try {
    return await verifyByFile(token, file, rules);
  } catch (error) {
    throw reasonOf(error, header, { iss: issuer, aud: `one of ${audiences.join(', ')}` }, now());
  }
}

async function verifyByFile(token: string, file: JwksFile, rules: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, await file.keys(), rules)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    const newer = await file.keysForUnknownId();
    if (newer === undefined) throw error;
    return (await jwtVerify(token, newer, rules)).payload;
  }
}

/** jose's errors in our words. Claims may be quoted: jose looks at them only after the signature. */
function reasonOf(
  error: unknown,
  { alg, kid }: TokenHeader,
  expected: Readonly<Record<string, string>>,
  nowMs: number,
): IdentityError {
  if (error instanceof errors.JWTExpired) {
    const agoSeconds = Math.round(nowMs / 1000 - Number(error.payload.exp));
    return new IdentityError('ERR_TOKEN_EXPIRED', `token has ended ${agoSeconds} s ago, expected one that is valid`);
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, payload } = error;
    return refused(`claim ${claim}: got ${quoted(payload[claim])}, expected ${expected[claim] ?? error.message}`);
  }
  if (error instanceof errors.JWKSNoMatchingKey) {
    return refused(`key: got id ${quoted(kid)} with ${alg}, expected one of the JWKS file`);
  }
  if (error instanceof errors.JWKSMultipleMatchingKeys) {
    return refused(`key: got no id, and several keys of the JWKS file could be meant for ${alg}`);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return refused(`signature does not verify by key ${quoted(kid)} with ${alg}`);
  }
  if (error instanceof errors.JOSEError) return malformed(`${error.code}: ${error.message}`);
  return refused(`could not be verified with ${alg} by key ${quoted(kid)}`, error);
}

function malformed(detail: string): IdentityError {
  return new IdentityError('ERR_TOKEN_MALFORMED', `token is malformed: ${detail}`);
}

function refused(detail: string, cause?: unknown): IdentityError {
  return new IdentityError('ERR_TOKEN_REFUSED', `token ${detail}`, { cause });
}
