/** pki/service-account: what a Kubernetes service-account token says. One strict reader of its form for agent and Citadel. */

export { type Claims, membersOf, readClaims } from './claims.js';
export { type CompactJwt, splitCompactJwt } from './compact-jwt.js';
export { numericDateMs } from './numeric-date.js';
export { quoted, refusedClaim } from './quoted.js';
export {
  copyForUse,
  isTokenRejected,
  parseServiceAccountToken,
  type ReadToken,
  type TokenClaims,
  throwIfTooLong,
} from './service-account-token.js';
