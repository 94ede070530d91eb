/** A connection that has more to read than it has had a turn for. */
export interface QueuedReader {
  /** Reads on for a turn; false when there is nothing more. */
  readOn(): boolean;
}

/** For which all of them together keep the event loop at a time: others have sent something meanwhile. */
const SLICE_MS = 3;

/**
 * The connections of a server that have sent more than is read of one at a time, and meanwhile all that were busy
 * recently. They take turns, in slices of the event loop, and none is read from while it waits here: so however many
 * peers send as much as they can, and whatever that costs, one that asks for little waits for a slice and the first
 * turns of others that have asked for little.
 */
export class ReadQueue {
  private readonly waiting: QueuedReader[] = [];
  private isScheduled = false;

  /** `now`: milliseconds, never going back, also while we work. */
  constructor(readonly now: () => number = () => performance.now()) {}

  /** None waits. */
  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** Gives it a turn after all that wait already. */
  add(reader: QueuedReader): void {
    this.waiting.push(reader);
    this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(runSlice, this);
  }

  /** For the timer. */
  run(): void {
    this.isScheduled = false;
    const endMs = this.now() + SLICE_MS;
    const again: QueuedReader[] = [];
    let count = 0;
    for (const reader of this.waiting) {
      count += 1;
      if (reader.readOn()) again.push(reader);
      if (this.now() >= endMs) break;
    }
    this.waiting.splice(0, count);
    this.waiting.push(...again);
    if (this.waiting.length > 0) this.schedule();
  }
}

function runSlice(queue: ReadQueue): void {
  queue.run();
}
