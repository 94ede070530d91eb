/**
 * citadel/authn: who calls. Tells the workload by its token; one file each behind {@link Authenticator}.
 */

export { bearerToken, claimsOfBearer, quoted } from '../../pki/service-account/index.js';
export type { AuthenticatedWorkload, Authenticator } from './authenticator.js';
export { authenticateCaller, type CallerAuthentication } from './caller.js';
export { claimedPod } from './claimed-pod.js';
export { ClientCertificates } from './client-certificates.js';
export { issuerAuthenticator } from './issuer-authenticator.js';
export { createJwksAuthenticator } from './jwks-authenticator.js';
export { NodeImpersonation } from './node-impersonation.js';
export { BoundPods, impersonationRefused, type PodPlaces, podCheckedAuthenticator } from './pods.js';
export { type KeyPublisher, PublishedKeys } from './published-keys.js';
export { type ReadDocument, RemoteKeys } from './remote-keys.js';
export { tokenAuthenticator } from './token-authenticator.js';
export { reviewedAuthenticator, type TokenReviewer } from './token-review.js';
