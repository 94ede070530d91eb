import { type WallClockTimers, waitUntil } from '../../timers/index.js';
import type { BundleDelivery, DeliveryLimits } from './bundle-delivery.js';
import type { SecretContent } from './secret-content.js';

export interface DeliveryByAcksOptions {
  /** Whether every stream has answered all that there is for it. Goes over all streams. */
  readonly isSettled: () => boolean;
  readonly timers: WallClockTimers;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * The last of 5 000 streams has answered after about 100 ms; asking goes over all of them, which takes a millisecond.
 */
const LOOK_PERIOD_MS = 50;

/**
 * Knows that a trust bundle has come everywhere by the answers of the streams: when nothing is on its way to any of
 * them, that bundle is not either. Looks after a while, not at once: the push of a change begins in the turns after it.
 */
export class DeliveryByAcks implements BundleDelivery {
  constructor(private readonly options: DeliveryByAcksOptions) {}

  async delivered(_bundle: SecretContent, { timeoutMs, signal }: DeliveryLimits): Promise<void> {
    const { isSettled, timers, now } = this.options;
    const endMs = now() + timeoutMs;
    do await waitUntil(timers, Math.min(endMs, now() + LOOK_PERIOD_MS), signal);
    while (!signal.isCancelled && now() < endMs && !isSettled());
  }
}
