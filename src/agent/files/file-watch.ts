import type { ScheduledCall, WallClockTimers } from '../../timers/index.js';

/**
 * Looking costs a `stat` of each file and cannot miss a change, whatever links, mounts and renames lie on the way, as
 * watches do. (reference: Istio A57 to A59) The kubelet itself takes a minute to bring one.
 */
const PERIOD_MS = 1000;

export interface FileWatchOptions {
  readonly timers: WallClockTimers;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Calls those who want to look at files, one after the other, once a second; sleeps while there are none. */
export class FileWatch {
  private readonly looks = new Set<() => Promise<void>>();
  private next: ScheduledCall | undefined;
  private round: Promise<void> | undefined;
  private isClosed = false;

  constructor(private readonly options: FileWatchOptions) {}

  /** Calls `look`, which never rejects, again and again until the result is called. */
  add(look: () => Promise<void>): () => void {
    this.looks.add(look);
    this.plan();
    return () => void this.looks.delete(look);
  }

  /** Resolves when the last look has ended. Safe to call twice. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.next?.cancel();
    await this.round;
  }

  private plan(): void {
    if (this.next !== undefined || this.round !== undefined || this.isClosed || this.looks.size === 0) return;
    const { timers, now } = this.options;
    this.next = timers.schedule(now() + PERIOD_MS, () => {
      this.next = undefined;
      this.round = this.look().finally(() => {
        this.round = undefined;
        this.plan();
      });
    });
  }

  private async look(): Promise<void> {
    for (const look of this.looks) if (!this.isClosed) await look();
  }
}
