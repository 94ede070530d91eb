/**
 * identity: *what* a workload holds. Makes a key, has it certified, proves the answer, publishes it, and does so again
 * in time; whatever fails, the last good SVID stays until its end.
 */
export { BundleContents } from './bundle-contents.js';
export { type BundleDelivery, DeliveryByTime, type DeliveryLimits } from './bundle-delivery.js';
export type {
  CertificateAnswer,
  CertificateIssuer,
  CertificateRequest,
  RefusalGrounds,
  TokenSource,
} from './certificate-issuer.js';
export { createFileTokenSource } from './file-token-source.js';
export type { HeldSvid } from './held-svid.js';
export type { IdentityStatus, RenewalFailure } from './identity-status.js';
export type { Pod } from './pod.js';
export { type PodStatus, Pods, type PodsOptions } from './pods.js';
export type { SvidChange } from './published-svid.js';
export { SecretContent, type SecretKind } from './secret-content.js';
export { parseServiceAccountToken, type TokenClaims } from './service-account-token.js';
export { SvidIssuance, type SvidIssuanceOptions } from './svid-issuance.js';
export { TokenGate, type TokenGateOptions } from './token-gate.js';
export { podOfToken, type TokenPod } from './token-pod.js';
export {
  type IdentitySurroundings,
  WorkloadIdentity,
} from './workload-identity.js';
