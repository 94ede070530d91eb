import { type ErrorCode, IdentityError } from '../../errors/index.js';
import { readClaims } from './claims.js';
import { splitCompactJwt } from './compact-jwt.js';
import { numericDateMs } from './numeric-date.js';
import { expiredToken, malformedToken } from './refusals.js';
import { type WorkloadClaims, workloadClaims } from './workload-claims.js';

/** A projected token is 1 to 2 kB; nothing longer than this is parsed at all. */
export const MAX_TOKEN_BYTES = 24 * 1024;

/** What the CA or the token itself has decided: trying again with the same token gives the same answer. */
const TOKEN_IS_NO_GOOD: ReadonlySet<ErrorCode> = new Set([
  'ERR_CA_REFUSED_TOKEN',
  'ERR_TOKEN_MISSING',
  'ERR_TOKEN_MALFORMED',
  'ERR_TOKEN_EXPIRED',
]);

/** True when only another token can help. */
export function isTokenRejected(code: ErrorCode): boolean {
  return TOKEN_IS_NO_GOOD.has(code);
}

/** What a token says of itself, *unverified*: good for refusing early and for explaining, never for granting. */
export interface TokenClaims extends WorkloadClaims {
  /** Epoch milliseconds; `undefined` when the token does not end. */
  readonly expiresAtMs: number | undefined;
}

/** A token whose claims have been read. */
export interface ReadToken {
  readonly bytes: Buffer;
  /** Epoch milliseconds; `Infinity` when it does not end. */
  readonly expiresAtMs: number;
}

/**
 * A copy of a held token for one use, because who reads a token wipes it.
 * @throws IdentityError `ERR_TOKEN_EXPIRED`: it has ended since it came.
 */
export function copyForUse({ bytes, expiresAtMs }: ReadToken, nowMs: number): Buffer {
  if (expiresAtMs <= nowMs) throw expiredToken(expiresAtMs, nowMs);
  return Buffer.from(bytes);
}

/**
 * Reads the claims of a JWT without verifying it. (RFC 7519 §4.1)
 * @throws IdentityError `ERR_TOKEN_MISSING` when empty; `ERR_TOKEN_MALFORMED` when it is no JWT in compact form, or its
 *   `exp` is no point in time; `ERR_TOKEN_EXPIRED` when it has expired by `nowMs`. No message quotes the token.
 */
export function parseServiceAccountToken(token: Buffer, nowMs: number): TokenClaims {
  if (token.length === 0) throw new IdentityError('ERR_TOKEN_MISSING', 'token is empty, expected a JWT');
  throwIfTooLong(token);
  const parts = splitCompactJwt(token.toString('latin1'));
  if (parts === undefined)
    throw malformedToken('got no three canonical base64url parts, expected a JWT in compact form');
  const claims = readClaims(parts.payload);
  if (claims === undefined) throw malformedToken('its payload is no JSON object in UTF-8');
  const expiresAtMs = expiryOf(claims.exp);
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs) throw expiredToken(expiresAtMs, nowMs);
  return { expiresAtMs, ...workloadClaims(claims) };
}

/** @throws IdentityError `ERR_TOKEN_MALFORMED`: it is longer than any token. */
export function throwIfTooLong({ length }: Buffer | string): void {
  if (length > MAX_TOKEN_BYTES) throw malformedToken(`got ${length} bytes, expected at most ${MAX_TOKEN_BYTES}`);
}

/** A token without `exp` does not expire; one that cannot be read must not pass for that. */
function expiryOf(exp: unknown): number | undefined {
  if (exp === undefined) return undefined;
  const expiresAtMs = numericDateMs(exp);
  if (expiresAtMs === undefined) throw malformedToken('its claim exp is no point in time, expected seconds since 1970');
  return expiresAtMs;
}
