/**
 * system/addon: finds and loads the native addon (`native/`), and says what it exports. `hotpath`, `platform`
 * and `pkcs11` are its users; no other room may know that there is one.
 */
export type { Addon, IssueTuple, Pkcs11Token, PrepareTuple, RawOutcome, SealTuple } from './addon.js';
export { type AddonLoad, loadAddon } from './load-addon.js';
