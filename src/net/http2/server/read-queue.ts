/** A connection that has more to read than it has had a turn for. */
export interface QueuedReader {
  /** Reads on for a turn; false when there is nothing more. */
  readOn(): boolean;
}

/** For which all of them together keep the event loop at a time: others have sent something meanwhile. */
const SLICE_MS = 3;

/**
 * While the server has as much to do as it takes, what is read only to be refused gets a slice, and then this pause: a
 * fifth of the event loop. What waits for it waits with its sender. (TCP's flow control)
 */
const FULL_PAUSE_MS = 12;

export interface ReadQueueOptions {
  /** Milliseconds, never going back, also while we work. */
  readonly now?: (() => number) | undefined;
  /** Whether what is read now would be refused. */
  readonly isFull?: (() => boolean) | undefined;
  /** Calls `run` once after so many milliseconds. */
  readonly after?: (delayMs: number, run: () => void) => void;
}

/**
 * The connections of a server that have sent more than is read of one at a time, and meanwhile all that were busy
 * recently. They take turns, in slices of the event loop, and none is read from while it waits here: so however many
 * peers send as much as they can, and whatever that costs, one that asks for little waits for a slice and the first
 * turns of others that have asked for little.
 */
export class ReadQueue {
  private readonly waiting: QueuedReader[] = [];
  private isScheduled = false;

  readonly now: () => number;
  private readonly isFull: () => boolean;
  private readonly after: (delayMs: number, run: () => void) => void;

  constructor({ now, isFull, after }: ReadQueueOptions = {}) {
    this.now = now ?? (() => performance.now());
    this.isFull = isFull ?? (() => false);
    this.after = after ?? ((delayMs, run) => void setTimeout(run, delayMs));
  }

  /** Whether connections that were busy recently are to wait. */
  get isBusy(): boolean {
    return this.waiting.length > 0 || this.isFull();
  }

  /** Gives it a turn after all that wait already. */
  add(reader: QueuedReader): void {
    this.waiting.push(reader);
    this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    if (this.isFull()) this.after(FULL_PAUSE_MS, () => this.run());
    else setImmediate(runSlice, this);
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
