import type { ScheduledCall, WallClockTimers } from '../../timers/index.js';
import type { PathWatch, PathWatches } from './path-watches.js';

/** How often a file is looked at that the kernel does not watch for us. The kubelet itself takes a minute. */
const UNWATCHED_PERIOD_MS = 1000;

/** The last net under the watches: nothing is told of a mount that is put over a file. */
const WATCHED_PERIOD_MS = 10_000;

/** After a change files are left alone for so long: a process that writes several of them has finished by then. */
const SETTLE_MS = 100;

/** How often watches are set up again without any event: those that could not be had may be had now. */
const REARM_MS = 60_000;

export interface FileWatchOptions {
  readonly timers: WallClockTimers;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Where the kernel tells of changes; left out, files are looked at once a second. */
  readonly watches?: PathWatches | undefined;
}

/** When a look is wanted besides the regular ones. */
export interface LookWishes {
  /** It looks at these: also when they may have changed. Without any, it looks at none. */
  readonly paths?: readonly string[];
  /** The next moment (epoch milliseconds) at which it looks in any case; not sooner than a second after a look. */
  readonly dueMs?: () => number;
}

/** `isForced`: files are to be read again even if they seem to be the same. */
type Look = (isForced?: boolean) => Promise<void>;

interface Entry {
  readonly look: Look;
  readonly dueMs: () => number;
  readonly hasPaths: boolean;
  watch: PathWatch | undefined;
  /** When something has changed that was not looked at since, in epoch milliseconds. */
  touchedAtMs: number | undefined;
  lookedAtMs: number;
  armedAtMs: number;
}

/**
 * Calls those who want to look at files, one after the other: soon after the kernel has told of a change on the way to
 * one, and now and then in any case. Sleeps while there are none. The first look is at once, when the watches are set
 * up: what was read before that cannot have changed unseen.
 */
export class FileWatch {
  private readonly entries = new Set<Entry>();
  private next: ScheduledCall | undefined;
  /** When it is due, in epoch milliseconds. */
  private nextAtMs = Number.POSITIVE_INFINITY;
  private round: Promise<void> | undefined;
  private isClosed = false;

  constructor(private readonly options: FileWatchOptions) {}

  /** Calls `look`, which never rejects, again and again until the result is called. */
  add(look: Look, { paths = [], dueMs = never }: LookWishes = {}): () => void {
    const long = Number.NEGATIVE_INFINITY;
    const entry: Entry = {
      ...{ look, dueMs, hasPaths: paths.length > 0, watch: undefined },
      ...{ touchedAtMs: long, lookedAtMs: long, armedAtMs: long },
    };
    if (entry.hasPaths) entry.watch = this.options.watches?.open(paths, () => this.touched(entry));
    this.entries.add(entry);
    this.planFor([entry]);
    return () => {
      this.entries.delete(entry);
      entry.watch?.close();
    };
  }

  /** Has all files read again, whether they seem to have changed or not. Resolves when that is done. */
  async reload(): Promise<void> {
    while (this.round !== undefined) await this.round;
    if (!this.isClosed) await this.beginRound(true);
  }

  /** Resolves when the last look has ended. Safe to call twice. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.next?.cancel();
    for (const { watch } of this.entries) watch?.close();
    await this.round;
  }

  private touched(entry: Entry): void {
    if (entry.touchedAtMs !== undefined) return;
    entry.touchedAtMs = this.options.now();
    this.planFor([entry]);
  }

  /** Wakes for the first of these that is due, if that is sooner than what is planned. */
  private planFor(entries: Iterable<Entry>): void {
    if (this.round !== undefined || this.isClosed) return;
    const { timers, now } = this.options;
    const nowMs = now();
    let waitMs = Number.POSITIVE_INFINITY;
    for (const entry of entries) waitMs = Math.min(waitMs, waitOf(entry, nowMs));
    const isPlanned = this.next !== undefined && Math.abs(this.nextAtMs - nowMs) <= waitMs;
    if (isPlanned || waitMs === Number.POSITIVE_INFINITY) return;
    this.next?.cancel();
    this.nextAtMs = nowMs + waitMs;
    this.next = timers.schedule(this.nextAtMs, () => {
      this.next = undefined;
      void this.beginRound();
    });
  }

  private beginRound(isForced = false): Promise<void> {
    this.round = this.lookAtDue(isForced).finally(() => {
      this.round = undefined;
      this.planFor(this.entries);
    });
    return this.round;
  }

  private async lookAtDue(isForced: boolean): Promise<void> {
    const { now } = this.options;
    for (const entry of this.entries) {
      const nowMs = now();
      if (this.isClosed) return;
      if (!isForced && waitOf(entry, nowMs) > 0) continue;
      const wasTouched = isForced || entry.touchedAtMs !== undefined;
      // Before anything is read: what changes from now on is another change.
      entry.touchedAtMs = undefined;
      entry.lookedAtMs = nowMs;
      if (entry.watch !== undefined && (wasTouched || remaining(REARM_MS, entry.armedAtMs, nowMs) === 0)) {
        entry.armedAtMs = nowMs;
        await entry.watch.arm();
      }
      await entry.look(isForced);
    }
  }
}

function waitOf(entry: Entry, nowMs: number): number {
  const { touchedAtMs, lookedAtMs, watch, hasPaths, dueMs } = entry;
  if (touchedAtMs !== undefined) return remaining(SETTLE_MS, touchedAtMs, nowMs);
  const isUnwatched = hasPaths && watch?.isComplete !== true;
  const soonest = remaining(UNWATCHED_PERIOD_MS, lookedAtMs, nowMs);
  if (isUnwatched) return soonest;
  return Math.min(remaining(WATCHED_PERIOD_MS, lookedAtMs, nowMs), Math.max(soonest, dueMs() - nowMs));
}

/** The distance, not the order: a clock that was set back must not keep us from looking. */
function remaining(periodMs: number, sinceMs: number, nowMs: number): number {
  return Math.max(0, periodMs - Math.abs(nowMs - sinceMs));
}

function never(): number {
  return Number.POSITIVE_INFINITY;
}
