import type { CancelSignal } from '../../cancellation/index.js';
import { type WallClockTimers, waitUntil } from '../../timers/index.js';
import type { SecretContent } from './secret-content.js';

/** Who knows which streams have applied what: the SDS server. Declared beside its use. */
export interface BundleDelivery {
  /**
   * Resolves when every stream that holds this trust bundle has applied it, after `timeoutMs` whether they have or not,
   * and at once when `signal` is cancelled. Never rejects.
   */
  delivered(bundle: SecretContent, limits: DeliveryLimits): Promise<void>;
}

export interface DeliveryLimits {
  readonly timeoutMs: number;
  readonly signal: CancelSignal;
}

/** Knows nothing of streams, and lets all the time pass. */
export class DeliveryByTime implements BundleDelivery {
  constructor(
    private readonly timers: WallClockTimers,
    /** Epoch milliseconds. */
    private readonly now: () => number,
  ) {}

  delivered(_bundle: SecretContent, { timeoutMs, signal }: DeliveryLimits): Promise<void> {
    return waitUntil(this.timers, this.now() + timeoutMs, signal);
  }
}
