/**
 * citadel: is a CA. Tells by a JWT who asks, decides how long a leaf may live, signs it, and answers over
 * `istio.v1.auth.IstioCertificateService` as istiod does. `app` puts the parts together.
 */
export type { AuthenticatedWorkload, Authenticator } from './authenticator.js';
export { writeWhole } from './authority-directory.js';
export { MAX_CERTIFICATE_REQUEST_BYTES } from './certificate-codec.js';
export type { IssuanceOptions } from './certificate-issuance.js';
export { addCertificateMethod, type CertificateMethod, type CertificateServiceOptions } from './certificate-service.js';
export { DEFAULT_TTL_LIMITS, type TtlLimits } from './issuing-policy.js';
export { createJwksAuthenticator, type JwksAuthenticatorOptions } from './jwks-authenticator.js';
export { DEFAULT_SERVER_NAMES } from './server-names.js';
export {
  type CertificateUser,
  createServingCertificate,
  type ServingCertificate,
  type ServingCertificateOptions,
} from './serving-certificate.js';
export { openSigningAuthority, type SigningAuthority, type SigningAuthorityOptions } from './signing-authority.js';
