import { IdentityError } from '../../errors/index.js';
import { numericDateMs, quoted, readClaims } from '../../pki/service-account/index.js';
import type { VerifiedClaims } from './service-account-claims.js';
import { malformed, refused } from './signed-token.js';

/** What a token must say of itself. */
export interface ExpectedClaims {
  /** `iss` must be one of these: while a cluster changes its issuer, tokens of both are around. */
  readonly issuers: readonly string[];
  /** A token must be for one of these (`aud`, a text or a list). Istio's agents ask for `istio-ca`. */
  readonly audiences: readonly string[];
}

/** More than this after `exp` would prolong the life of a stolen token. */
const EXPIRY_LEEWAY_MS = 5000;

/**
 * A token that an API server with a faster clock has just issued is not yet valid here. Kubernetes itself allows as much.
 * (RFC 7519 §4.1.5)
 */
const START_LEEWAY_MS = 60_000;

/**
 * Reads and checks the claims of a token whose signature has been verified: issuer, audience and time. Pure.
 * @throws IdentityError `ERR_TOKEN_EXPIRED`, `ERR_TOKEN_REFUSED`, `ERR_TOKEN_MALFORMED`. Claims may be quoted: they are genuine.
 */
export function checkClaims(payload: string, { issuers, audiences }: ExpectedClaims, nowMs: number): VerifiedClaims {
  const claims: VerifiedClaims | undefined = readClaims(payload);
  if (claims === undefined) throw malformed('its payload is no JSON object in UTF-8');
  const { iss, aud, exp, nbf, iat } = claims;
  if (typeof iss !== 'string' || !issuers.includes(iss)) {
    throw wrongClaim('iss', iss, issuers.length === 1 ? `${issuers[0]}` : `one of ${issuers.join(', ')}`);
  }
  const meant: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!meant.some((audience) => typeof audience === 'string' && audiences.includes(audience))) {
    throw wrongClaim('aud', aud, `one of ${audiences.join(', ')}`);
  }
  // RFC 7519 lets a token go without; it would never expire.
  const expiresAtMs = timeOf('exp', exp);
  if (nowMs >= expiresAtMs + EXPIRY_LEEWAY_MS) throw expired(expiresAtMs, nowMs);
  for (const [claim, value] of [
    ['nbf', nbf],
    ['iat', iat],
  ] as const) {
    if (value !== undefined && timeOf(claim, value) > nowMs + START_LEEWAY_MS) {
      throw wrongClaim(claim, value, `at most ${START_LEEWAY_MS / 1000} s after now, ${Math.floor(nowMs / 1000)}`);
    }
  }
  return claims;
}

function timeOf(claim: string, value: unknown): number {
  const timeMs = numericDateMs(value);
  if (timeMs === undefined) throw wrongClaim(claim, value, 'a time in seconds since 1970');
  return timeMs;
}

function wrongClaim(claim: string, value: unknown, expected: string): IdentityError {
  return refused(`claim ${claim}: got ${quoted(value)}, expected ${expected}`);
}

function expired(expiresAtMs: number, nowMs: number): IdentityError {
  const agoSeconds = Math.round((nowMs - expiresAtMs) / 1000);
  return new IdentityError('ERR_TOKEN_EXPIRED', `token has expired ${agoSeconds} s ago, expected one that is valid`);
}
