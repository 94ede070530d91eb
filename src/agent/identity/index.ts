/**
 * agent/identity: *what* a workload holds. Makes a key, has it certified, proves the answer, publishes it, and does so
 * again in time; whatever fails, the last good SVID stays until its end.
 */

export type { BundleDelivery, DeliveryLimits } from './bundle-delivery.js';
export { BundleInterner } from './bundle-interner.js';
export { BundleNews } from './bundle-news.js';
export { BundleWithRetiredRoots } from './bundle-with-retired-roots.js';
export type {
  CertificateAnswer,
  CertificateIssuer,
  CertificateRequest,
  RefusalGrounds,
  TokenSource,
} from './certificate-issuer.js';
export type { CurrentSvid } from './current-svid.js';
export { DeliveryByAcks } from './delivery-by-acks.js';
export { failureOf } from './failure-kind.js';
export { createFileTokenSource } from './file-token-source.js';
export type { IdentityHistory } from './identity-history.js';
export type { HeldSecrets, IdentityStatus } from './identity-status.js';
export type { IssuanceTraces } from './issuance-traces.js';
export { MIN_HURRY_INTERVAL_MS } from './lifecycle.js';
export { measuredIssuer } from './measured-issuer.js';
export {
  chooseOrigin,
  type IdentityOrigin,
  type MigrationFacts,
  type MigrationStep,
  nextChoiceMs,
  type OriginChoice,
  wantedOrigin,
} from './migration.js';
export { MigrationStepFile } from './migration-step-file.js';
export { refusalGrounds } from './refusal-grounds.js';
export { type ContentKind, SecretContent } from './secret-content.js';
export { ServedLeaves } from './served-leaves.js';
export { type IssuedSvid, LIFE_LIMITS, SvidIssuance, type SvidIssuanceOptions } from './svid-issuance.js';
export type { SvidChange } from './svid-publisher.js';
export { type IdentityDependencies, WorkloadIdentity } from './workload-identity.js';
