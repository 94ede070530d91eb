import { IdentityError } from '../../errors/index.js';
import { clipped } from '../../text/index.js';

/** A value that is no name of anything is not worth a longer line. */
const MAX_QUOTED_CHARS = 200;

/** A claim's value as a message may show it. */
export function quoted(value: unknown): string {
  return clipped(JSON.stringify(value) ?? 'nothing', MAX_QUOTED_CHARS);
}

/**
 * The error `ERR_TOKEN_REFUSED` for a claim of an accepted or verified token: only the value of such a claim may be
 * shown.
 */
export function refusedClaim(claim: string, value: unknown, expected: string): IdentityError {
  return new IdentityError('ERR_TOKEN_REFUSED', `token claim ${claim}: got ${quoted(value)}, expected ${expected}`);
}

/** The error `ERR_TOKEN_MALFORMED`. `detail` never quotes the token. */
export function malformedToken(detail: string): IdentityError {
  return new IdentityError('ERR_TOKEN_MALFORMED', `token is malformed: ${detail}`);
}

/** The error `ERR_TOKEN_EXPIRED`. Both times in epoch milliseconds. */
export function expiredToken(expiresAtMs: number, nowMs: number): IdentityError {
  const agoSeconds = Math.round((nowMs - expiresAtMs) / 1000);
  return new IdentityError('ERR_TOKEN_EXPIRED', `token has expired ${agoSeconds} s ago, expected one that is valid`);
}
