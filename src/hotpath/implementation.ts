import type { IssuedLeaf, IssueRequest, PreparedKey, PrepareRequest, SealedSvid, SealRequest } from './hot-path.js';
import type { SignerMaterial } from './signer.js';

/** What each operation takes in its thread, and what it makes. */
export interface Operations {
  readonly prepare: { readonly item: PrepareRequest; readonly value: PreparedKey };
  readonly seal: { readonly item: SealRequest; readonly value: SealedSvid };
  readonly issue: { readonly item: IssueItem; readonly value: IssuedLeaf };
}

export type Operation = keyof Operations;

/** {@link IssueRequest} as it travels to a thread. */
export interface IssueItem extends Omit<IssueRequest, 'signer'> {
  readonly signer: SignerMaterial;
}

/**
 * The three operations as plain functions of one thread: what `js/` fulfils, and where the native addon goes.
 * Synchronous; every refusal is an IdentityError with one of the codes that {@link HotPath} names. Each Buffer in a
 * result fills an ArrayBuffer of its own, so that it can be moved to another thread.
 */
export type HotPathImplementation = {
  readonly [O in Operation]: (item: Operations[O]['item']) => Operations[O]['value'];
};
