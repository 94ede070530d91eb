/**
 * hotpath: the three costly operations, off the event loop: `prepare` (key pair and CSR), `seal` (check an issued chain
 * and serialise it for Envoy) and `issue` (check a CSR and sign a leaf). Behind one interface, in a pool of threads.
 *
 * Two implementations give the same answers: `native/`, the addon, and `js/`, by `node:crypto`. {@link chooseHotPath}
 * decides once, at start, which one works. (docs/adr/0008-native-hot-path.md)
 */

export { chooseHotPath, type HotPathChoice, type HotPathMode } from './choose-hot-path.js';
export { namesOfLeaf } from './general-names.js';
export type {
  CallOptions,
  HotPath,
  IssuedLeaf,
  IssueRequest,
  PreparedKey,
  PrepareRequest,
  SealedSvid,
  SealRequest,
} from './hot-path.js';
export type { HotPathKind } from './implementation.js';
export { openSigner } from './js/open-signer.js';
export { KeyReserve } from './key-reserve.js';
export { loadPooledHotPath } from './load-pooled-hot-path.js';
export { createLoneHotPath } from './lone-hot-path.js';
export type { PooledHotPathOptions } from './pool.js';
export { residentThreads } from './resident-threads.js';
export { bundlePemOf, certificatePemOf, encodeBundleSecret } from './secret-codec.js';
export { type RemoteKey, Signer, type SignerMaterial, type SignerNames } from './signer.js';
