/**
 * system/addon: finds and loads the native addon (`native/`), and says what it exports. `hotpath` and `platform` are
 * its two users; no other room may know that there is one.
 */
export type { Addon, IssueTuple, PrepareTuple, RawOutcome, SealTuple } from './addon.js';
export { type AddonLoad, loadAddon } from './load-addon.js';
