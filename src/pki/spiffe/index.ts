/**
 * pki/spiffe: value types of the SPIFFE standards, made only by parsing, so holding one is proof that it is valid.
 */
export { SpiffeId } from './spiffe-id.js';
export { TrustBundle } from './trust-bundle.js';
export { TrustDomain } from './trust-domain.js';
