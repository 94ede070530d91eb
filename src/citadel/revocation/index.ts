/**
 * citadel/revocation: which certificates are revoked, and the lists of them that are signed. What is revoked outlasts
 * the process, and leaves the lists when it has expired.
 */
export { type ListSigner, listSignerOf } from './list-signer.js';
export {
  type FoundCertificate,
  type RevocationLists,
  type RevocationOrder,
  RevocationRegister,
  type RevocationSource,
  type Revoker,
} from './revocation-register.js';
