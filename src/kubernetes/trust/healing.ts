import { type CancelSignal, CancelSource } from '../../cancellation/index.js';
import { errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
import { Field, type LogFields, type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import { retryDelayMs, type ScheduledCall, type TimerClock, WallClockTimers } from '../../timers/index.js';

export interface HealingOptions {
  /** Whether the object with this key has to be written, by all that is known now. */
  needsWrite(key: string): boolean;
  /** Writes it, and knows of the result then. Rejects with an IdentityError. */
  write(key: string, signal: CancelSignal): Promise<void>;
  /** What says in a log line which object it is. */
  fieldsOf(key: string): LogFields;
  readonly logger: Logger;
  readonly clock: TimerClock;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Writes at a time: a cluster of ten thousand namespaces must not be flooded by a new root. */
const MAX_WRITES = 8;

/**
 * Before a write, by draw: of several replicas the first one writes, and the others see it meanwhile. All would write
 * the same.
 */
const SPREAD_MS = 300;

/**
 * An object that others change as often as we write it is a dispute about who owns it: each of our writes comes later.
 */
const DISPUTE_MS = 60_000;
const FIRST_DISPUTE_MS = 1000;

/** What {@link retryDelayMs} makes a cap of 30 s of. */
const REMAINING_MS = 300_000;

/** What is under way for an object, and what went before. */
interface Work {
  /** A write that is planned. */
  call: ScheduledCall | undefined;
  isWriting: boolean;
  failures: number;
  /** Of our last write, in epoch milliseconds. */
  writtenAtMs: number;
  /** How often in a row others have changed what we had written shortly before. */
  disputes: number;
}

/**
 * Writes objects when they need it: a few at a time, again after a failure, and ever later where others write them,
 * too.
 */
export class Healing {
  private readonly work = new Map<string, Work>();
  private readonly waiting = new Set<string>();
  private readonly writing = new Set<Promise<void>>();
  private readonly ending = new CancelSource();
  private readonly timers: WallClockTimers;
  private readonly log: RateLimitedLogger;

  constructor(private readonly options: HealingOptions) {
    this.timers = new WallClockTimers(options.clock);
    this.log = new RateLimitedLogger(options.logger, options.clock.now);
  }

  /** Plans a write when the object needs one. To be called whenever something is known of it that was not before. */
  look(key: string): void {
    if (this.ending.isCancelled || !this.options.needsWrite(key)) return;
    const work = this.workOf(key);
    if (work.isWriting || work.call !== undefined) return;
    this.plan(key, work, this.pauseBefore(key, work));
  }

  /** The object is not to be written any more, whatever went before. */
  forget(key: string): void {
    this.work.get(key)?.call?.cancel();
    this.work.delete(key);
  }

  /** Safe to call twice; resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.ending.cancel();
    this.timers.close();
    await Promise.all(this.writing);
  }

  private workOf(key: string): Work {
    const known = this.work.get(key);
    if (known !== undefined) return known;
    const work = { call: undefined, isWriting: false, failures: 0, writtenAtMs: Number.NEGATIVE_INFINITY, disputes: 0 };
    this.work.set(key, work);
    return work;
  }

  /** In milliseconds. Longer each time when others change what we write. */
  private pauseBefore(key: string, work: Work): number {
    const spreadMs = this.options.random() * SPREAD_MS;
    if (work.writtenAtMs === Number.NEGATIVE_INFINITY) return spreadMs;
    work.disputes = this.options.clock.now() - work.writtenAtMs < DISPUTE_MS ? work.disputes + 1 : 0;
    const fields = { ...this.options.fieldsOf(key), [Field.count]: work.disputes };
    this.log.warn('published roots were changed or deleted by others, put right', fields, key);
    if (work.disputes <= 1) return spreadMs;
    return Math.min(DISPUTE_MS, FIRST_DISPUTE_MS * 2 ** (work.disputes - 2)) + spreadMs;
  }

  private plan(key: string, work: Work, delayMs: number): void {
    work.call = this.timers.schedule(this.options.clock.now() + delayMs, () => {
      work.call = undefined;
      this.waiting.add(key);
      this.writeNext();
    });
  }

  private writeNext(): void {
    for (const key of this.waiting) {
      if (this.writing.size >= MAX_WRITES || this.ending.isCancelled) return;
      this.waiting.delete(key);
      if (!this.options.needsWrite(key)) continue;
      const write = this.write(key, this.workOf(key)).finally(() => {
        this.writing.delete(write);
        this.writeNext();
      });
      this.writing.add(write);
    }
  }

  /** Never rejects. */
  private async write(key: string, work: Work): Promise<void> {
    work.isWriting = true;
    let retryMs: number | undefined;
    try {
      await this.options.write(key, this.ending);
      work.failures = 0;
      work.writtenAtMs = this.options.clock.now();
    } catch (error) {
      if (this.ending.isCancelled) return;
      retryMs = this.retryAfter(key, work, error);
    } finally {
      work.isWriting = false;
    }
    if (retryMs === undefined) this.look(key);
    else if (this.work.get(key) === work) this.plan(key, work, retryMs);
  }

  private retryAfter(key: string, work: Work, error: unknown): number {
    const code = errorCodeOf(error);
    const kind = code === 'ERR_KUBERNETES_UNAVAILABLE' ? 'away' : 'refused';
    const notSoonerMs = error instanceof IdentityError ? (error.retryAfterMs ?? 0) : 0;
    const failed = { kind, failures: work.failures, remainingMs: REMAINING_MS, notSoonerMs } as const;
    work.failures += 1;
    // A namespace that has just gone is no failure; the watch tells of its end.
    if (code !== 'ERR_KUBERNETES_NOT_FOUND') {
      const reason = messageOf(error);
      const fields = { ...this.options.fieldsOf(key), [Field.code]: code, [Field.error]: reason };
      this.log.warn('roots cannot be published, tried again', fields, code);
    }
    return retryDelayMs(failed, this.options.random());
  }
}
