/**
 * system/secret-memory: memory that holds a key, and is wiped when its last user has released it.
 */
export { SharedBytes } from './shared-bytes.js';
