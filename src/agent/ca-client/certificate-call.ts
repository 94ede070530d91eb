import type { CancelSignal } from '../../cancellation/index.js';

/** What a CA is asked. */
export interface CaRequest {
  readonly csrPem: Buffer;
  readonly ttlMs: number;
  /** Asked again for each attempt; the buffer is wiped after use. */
  readonly token: { read(): Promise<Buffer> };
  readonly signal: CancelSignal;
}

/** What it answers. */
export interface CaAnswer {
  /** PEM: the leaf, then the intermediates; no root. */
  readonly chainPem: Buffer;
  /** PEM: the trust bundle. */
  readonly bundlePem: Buffer;
}
