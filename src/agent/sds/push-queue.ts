import { BATCH } from './for-each-chunk.js';

/** A stream that has something newer to send. */
export interface PushTarget {
  /** Sends the newest there is, if anything; must not throw. */
  push(): void;
}

/**
 * Spreads the pushes of a rotation over turns of the event loop. A target decides what to send only when its turn
 * comes, so that of several changes only the newest goes out. No promise, timer or closure per push.
 */
export class PushQueue {
  private due: PushTarget[] = [];
  private next = 0;

  /** Whether a push is still queued. */
  get isPushing(): boolean {
    return this.due.length > 0;
  }

  /** Queues `target`, which is not queued already. */
  add(target: PushTarget): void {
    if (this.due.length === 0) setImmediate(this.turn);
    this.due.push(target);
  }

  private readonly turn = (): void => {
    const end = Math.min(this.next + BATCH, this.due.length);
    while (this.next < end) {
      this.due[this.next]?.push();
      this.next += 1;
    }
    if (this.next < this.due.length) {
      setImmediate(this.turn);
      return;
    }
    this.due = [];
    this.next = 0;
  };
}
