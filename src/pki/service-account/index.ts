/**
 * pki/service-account: how a Kubernetes service-account token travels and what it says. One strict reader for agent,
 * Citadel and fleet.
 */

export { bearerToken, bearerValue, isBearerToken } from './bearer.js';
export { type Claims, readClaims } from './claims.js';
export { type CompactJwt, splitCompactJwt } from './compact-jwt.js';
export { numericDateMs } from './numeric-date.js';
export { expiredToken, malformedToken, quoted, refusedClaim } from './refusals.js';
export {
  copyForUse,
  isTokenRejected,
  MAX_TOKEN_BYTES,
  parseServiceAccountToken,
  type ReadToken,
  type TokenClaims,
  throwIfTooLong,
} from './service-account-token.js';
export { claimsOfBearer, claimsText, type ShownClaims, shownClaims } from './shown-claims.js';
export { serviceAccountOf, type WorkloadClaims, workloadClaims } from './workload-claims.js';
