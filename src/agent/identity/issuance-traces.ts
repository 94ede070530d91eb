import type { SpiffeId } from '../../pki/spiffe/index.js';
import type { Span } from '../../telemetry/index.js';

/** Who records how certificates are obtained. Declared beside its use; `app` plugs it in, where there are traces. */
export interface IssuanceTraces {
  /** A certificate is asked for now; the request for it ends the span. */
  begin(spiffeId: SpiffeId, purpose: 'renewal' | 'proof', podUid: string | undefined): Span;
  /** The certificate of `span` is served now, by this version: its pushes belong to the same trace. */
  served(version: string, span: Span): void;
}
