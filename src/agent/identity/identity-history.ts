import type { FailureRecord } from '../../errors/index.js';
import type { SpiffeId, TrustDomain } from '../../pki/spiffe/index.js';
import type { HeldSecrets } from './identity-status.js';
import type { SvidChange } from './svid-publisher.js';

/** What keeps the recent past of identities. Declared beside its use; `app` plugs it in. */
export interface IdentityHistory {
  /** Is told of each change of what is served, right after it. */
  served(
    whose: { readonly spiffeId: SpiffeId | undefined; readonly trustDomain: TrustDomain },
    held: HeldSecrets,
    change: SvidChange,
  ): void;
  /** Is told of each renewal that failed, the last of so many in a row. */
  failed(spiffeId: string, failure: FailureRecord, inARow: number): void;
}
