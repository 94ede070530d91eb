import type { ErrorCode } from '../errors/index.js';
import type { IssuedLeaf, IssueRequest, PreparedKey, PrepareRequest, SealedSvid, SealRequest } from './hot-path.js';
import type { SignerMaterial } from './signer.js';

/** What each operation takes in its thread, and what it makes. */
export interface Operations {
  readonly prepare: { readonly item: PrepareRequest; readonly value: PreparedKey };
  readonly seal: { readonly item: SealRequest; readonly value: SealedSvid };
  readonly issue: { readonly item: IssueItem; readonly value: IssuedLeaf };
  readonly draft: { readonly item: IssueItem; readonly value: DraftedLeaf };
}

export type Operation = keyof Operations;

/** {@link IssueRequest} as it travels to a thread. */
export interface IssueItem extends Omit<IssueRequest, 'signer'> {
  readonly signer: SignerMaterial;
}

/** A leaf without its signature. */
export interface DraftedLeaf extends Omit<IssuedLeaf, 'leafPem'> {
  /** TBSCertificate in DER. */
  readonly toBeSigned: Buffer;
}

/** Who works: the addon, or `node:crypto` and JavaScript. Both give the same answers. */
export const HOT_PATH_KINDS = ['native', 'js'] as const;

export type HotPathKind = (typeof HOT_PATH_KINDS)[number];

/** A posted Error would lose its class and code, so an outcome is data. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/**
 * One operation over a batch, in one thread: an outcome for each item, in order. A bad item fails alone, with one of
 * the codes that {@link HotPath} names; nothing is thrown. Synchronous. Each Buffer in a result fills an ArrayBuffer of
 * its own, so that it can be moved to another thread and wiped; but CSRs, which are no secrets, may share one.
 */
export type BatchOperation<O extends Operation> = (
  items: readonly Operations[O]['item'][],
) => Outcome<Operations[O]['value']>[];

/** The three operations: what `js/` and `native/` fulfil. */
export type HotPathImplementation = { readonly [O in Exclude<Operation, 'draft'>]: BatchOperation<O> };
