import type { CancelSignal } from '../../cancellation/index.js';
import type { IdentityError } from '../../errors/index.js';
import type { Span } from '../../telemetry/index.js';

/** What a CA is asked. */
export interface CaRequest {
  readonly csrPem: Buffer;
  readonly ttlMs: number;
  /** Asked again for each attempt; the buffer is wiped after use. */
  readonly token: { read(): Promise<Buffer> };
  readonly signal: CancelSignal;
  /** How long one attempt may take, in milliseconds, if that is less than the client's own deadline. */
  readonly attemptMs?: number | undefined;
  /** What the call is a part of, where it is traced. */
  readonly span?: Span | undefined;
}

/** What it answers. */
export interface CaAnswer {
  /** PEM: the leaf, then the intermediates; no root. */
  readonly chainPem: Buffer;
  /** PEM: the trust bundle. */
  readonly bundlePem: Buffer;
}

/** What became of an answer: the SVID is proven, or not and why, or it was not looked at. */
export type AnswerVerdict = 'proven' | 'dropped' | { readonly refused: IdentityError };

/** An answer of one of several CAs. Until its verdict is told, the CA counts as one that is being tried. */
export interface JudgedAnswer extends CaAnswer {
  /** Call it once. */
  judged(verdict: AnswerVerdict): void;
}
