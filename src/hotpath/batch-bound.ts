import { FIRST_SLOW_LANE, type Lane, SLOW_LANE } from './batch-queue.js';

/**
 * So long a thread may be busy with one batch: what comes meanwhile waits for its end, and the first of its items for
 * the last. It is 200 times the 25 µs of a hop, so longer batches save nothing more; measured in docs/performance.md.
 */
const BATCH_MS = 5;

/** The answers of a batch are settled in one turn of the event loop: so many take it about 2 ms. */
const MAX_BATCH = 250;

/** Until the first batch is back: so many of the slowest, certificates by an RSA key, take 40 ms. */
const FIRST_BATCH = 16;

/**
 * How many jobs travel together: as many as a thread does in 5 ms, learned from the batches before. It depends on the
 * implementation, on the machine, and on the CA's key: 30 µs for a key by the addon, 2.5 ms for a leaf by an RSA-4096
 * CA.
 */
export class BatchBound {
  private readonly itemMs = new Map<Lane, number>();

  /** At least 1. */
  of(lane: Lane): number {
    // At 100 ms and more each, a batch of RSA keys only makes them wait.
    if (lane === SLOW_LANE || lane === FIRST_SLOW_LANE) return 1;
    const itemMs = this.itemMs.get(lane);
    if (itemMs === undefined) return FIRST_BATCH;
    return Math.max(1, Math.min(MAX_BATCH, Math.floor(BATCH_MS / itemMs)));
  }

  /** How long one takes, in milliseconds, as far as is known. */
  itemMsOf(lane: Lane): number | undefined {
    return this.itemMs.get(lane);
  }

  /** Takes a faster batch at its word, and a slower one as a hint: others may have had the core meanwhile. */
  learn(lane: Lane, items: number, runMs: number): void {
    const seenMs = runMs / items;
    const knownMs = this.itemMs.get(lane) ?? seenMs;
    this.itemMs.set(lane, seenMs < knownMs ? seenMs : knownMs + (seenMs - knownMs) / 4);
  }
}
