import { type CancelSignal, CancelSource } from '../../cancellation/index.js';
import { type WallClockTimers, waitUntil } from '../../timers/index.js';
import type { CaBundleKeeper } from './ca-bundle-keeper.js';

export interface RootsDeliveryOptions {
  readonly keeper: Pick<CaBundleKeeper, 'written'>;
  readonly timers: WallClockTimers;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** API servers hear of a change by their watches, within milliseconds; there may be several, and one may be busy. */
const SPREAD_MS = 1000;

/**
 * Knows that our roots have come to the API servers: they stand in the webhook configuration, and have stood there for
 * a moment. The next certificate may be of a root that is new among them. Meets the `BundleDelivery` of an identity.
 */
export class RootsDelivery {
  constructor(private readonly options: RootsDeliveryOptions) {}

  /** Resolves then, after `timeoutMs` in any case, and at once when `signal` is cancelled. Never rejects. */
  async delivered(
    _bundle: unknown,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: CancelSignal },
  ): Promise<void> {
    const { keeper, timers, now } = this.options;
    const endMs = now() + timeoutMs;
    const over = new CancelSource();
    const end = { cancel: () => over.cancel() };
    signal.add(end);
    await Promise.race([keeper.written(over), waitUntil(timers, endMs, over)]);
    // Neither waits on.
    over.cancel();
    signal.delete(end);
    await waitUntil(timers, Math.min(endMs, now() + SPREAD_MS), signal);
  }
}
