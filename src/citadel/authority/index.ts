/**
 * citadel/authority: what Citadel signs with, and for how long: the keys and chains that are plugged in or that it has
 * made itself, its root for others, the validity of what it signs, and its own serving certificate.
 */
export { changeAuthoritySet, readAuthoritySet, wipeKeys } from './authority-sets.js';
export type { AuthorityStore } from './authority-store.js';
export {
  type AutomaticState,
  automaticVerdict,
  defaultLeadMs,
  ROOT_STATES,
  type RootLife,
} from './automatic-root.js';
export {
  applied,
  type IntermediateStore,
  intermediatesInDirectory,
  intermediatesInMemory,
} from './intermediate-store.js';
export { decideValidity, MIN_TTL_MS, type TtlLimits } from './issuing-policy.js';
export { LiveAuthority } from './live-authority.js';
export { OnlineIntermediate } from './online-intermediate.js';
export { writeRootCertificates } from './root-certificate-file.js';
export {
  type AuthorityFileSet,
  abort,
  activate,
  fingerprint,
  type RotationRecord,
  retire,
  rotationOf,
  stage,
  wholeSet,
} from './root-rotation.js';
export { istioServerNames } from './server-names.js';
export { createServingCertificate } from './serving-certificate.js';
export { freshAuthority, readAuthority, type SigningAuthority } from './signing-authority.js';
