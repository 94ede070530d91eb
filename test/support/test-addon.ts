import { fileURLToPath } from 'node:url';
import { type Addon, loadAddon } from '../../src/system/addon/index.js';

/**
 * What `native/tests/addon.cc` exports: the ways and limits of the hot path that the program itself never asks for, and
 * the hot path with them.
 */
export interface TestAddon extends Pick<Addon, 'revision' | 'sealBatch'> {
  /**
   * The two ways of `sealBatch` apart: the general one, and the plain one, which takes the commonest shape alone and
   * answers `ERR_INTERNAL` to all else. All three share what they keep of issuers.
   */
  sealBatchAny: Addon['sealBatch'];
  sealBatchPlain: Addon['sealBatch'];

  /**
   * Seconds for `count` bare EC key generations, each with one ECDSA signature: the limit of `prepare`. `keyType` is
   * that of a `PrepareTuple`, an EC one.
   */
  timeKeyAndSignature(count: number, keyType: number): number;
  /** Seconds for `count` bare ECDSA verifications, each with one signature: the limit of `issue`. */
  timeVerificationAndSignature(count: number, keyType: number): number;
  /** Seconds for `count` bare ECDSA verifications: the limit of `seal`. */
  timeVerification(count: number, keyType: number): number;
}

type TestAddonLoad =
  | { readonly kind: 'loaded'; readonly addon: TestAddon }
  | { readonly kind: 'absent'; readonly reason: string };

/** Beside this module, where scripts/build.mjs puts it. */
const FILE = fileURLToPath(
  new URL(`./prebuilds/${process.platform}-${process.arch}/sidecert-tests.node`, import.meta.url),
);

/** Loads the addon of tests and benches, or says why there is none: it is built where that of the program is. */
export function loadTestAddon(): TestAddonLoad {
  const load = loadAddon(FILE);
  // Of our own sources, by its revision: so it exports what native/tests/addon.cc says.
  return load.kind === 'loaded' ? { kind: 'loaded', addon: load.addon as unknown as TestAddon } : load;
}
