/**
 * system/pkcs11: private keys in tokens (HSMs) that sign where they are. The module of the vendor, the PIN and the
 * sessions are in a process of their own. (docs/adr/0055-keys-in-tokens.md)
 */
export type { Pkcs11KeyReference } from './key-reference.js';
export { Pkcs11Key } from './pkcs11-key.js';
