import {
  type Claims,
  expiredToken,
  malformedToken,
  numericDateMs,
  readClaims,
  refusedClaim,
} from '../service-account/index.js';

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
 * A token that an API server with a faster clock has just issued is not yet valid here. Kubernetes itself allows as
 * much. (RFC 7519 §4.1.5)
 */
const START_LEEWAY_MS = 60_000;

/**
 * Reads and checks the claims of a token whose signature has been verified: issuer, audience and time. Pure.
 * @throws IdentityError `ERR_TOKEN_EXPIRED`, `ERR_TOKEN_REFUSED`, `ERR_TOKEN_MALFORMED`. Claims may be quoted: they are
 * genuine.
 */
export function checkClaims(payload: string, { issuers, audiences }: ExpectedClaims, nowMs: number): Claims {
  const claims = readClaims(payload);
  if (claims === undefined) throw malformedToken('its payload is no JSON object in UTF-8');
  const { iss, aud, exp, nbf, iat } = claims;
  if (typeof iss !== 'string' || !issuers.includes(iss)) {
    throw refusedClaim('iss', iss, issuers.length === 1 ? `${issuers[0]}` : `one of ${issuers.join(', ')}`);
  }
  const meant: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!meant.some((audience) => typeof audience === 'string' && audiences.includes(audience))) {
    throw refusedClaim('aud', aud, `one of ${audiences.join(', ')}`);
  }
  // RFC 7519 lets a token go without; it would never expire.
  const expiresAtMs = timeOf('exp', exp);
  if (nowMs >= expiresAtMs + EXPIRY_LEEWAY_MS) throw expiredToken(expiresAtMs, nowMs);
  for (const [claim, value] of [
    ['nbf', nbf],
    ['iat', iat],
  ] as const) {
    if (value !== undefined && timeOf(claim, value) > nowMs + START_LEEWAY_MS) {
      throw refusedClaim(claim, value, `at most ${START_LEEWAY_MS / 1000} s after now, ${Math.floor(nowMs / 1000)}`);
    }
  }
  return claims;
}

function timeOf(claim: string, value: unknown): number {
  const timeMs = numericDateMs(value);
  if (timeMs === undefined) throw refusedClaim(claim, value, 'a time in seconds since 1970');
  return timeMs;
}
