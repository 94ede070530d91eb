/**
 * citadel/policy: on which terms an identity gets certificates: lives, kinds of key, DNS names, what a CSR may say. The
 * rules of a file, over the flags of Citadel.
 */
export { aliasUris } from './alias-uris.js';
export { checkCsrContent } from './csr-content.js';
export { IssuingPolicy } from './issuing-policy.js';
export { type FlagTerms, type IssuingTerms, TERM_NAMES, type TermName } from './issuing-terms.js';
export { openPolicyFile, readPolicyBytes } from './open-policy.js';
export { MAX_POLICY_BYTES } from './read-policy.js';
