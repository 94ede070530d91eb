/**
 * pki/token-keys: whether a service-account token is genuine, by the public keys of its cluster. One check for agent
 * and Citadel.
 */

export { checkToken, type TokenExpectations, type TokenFinding } from './checked-token.js';
export { JwksFile, type JwksFileOptions } from './jwks-file.js';
export type { KeySet } from './key-set.js';
export { refused } from './signed-token.js';
export { MAX_JWKS_BYTES, parseKeySet, type TokenKeys } from './token-keys.js';
