import { CancelSource } from '../../cancellation/index.js';
import { IdentityError, messageOf } from '../../errors/index.js';
import { makeDirectory, pathError, syncDirectory, systemReason } from '../../system/small-files/index.js';
import { Field, type Logger, Metric, MetricRegistry, RateLimitedLogger } from '../../telemetry/index.js';
import { clipped } from '../../text/index.js';
import { Deadlines, monotonicMs, sleep } from '../../timers/index.js';
import { Allowance } from './allowance.js';
import { FileSumming, keepLeafEnds } from './leaf-ends.js';
import { leafKeyType } from './leaf-key-type.js';
import { TrailFile } from './trail-file.js';
import { filesOlderThan, findTrailEnd, listTrailFiles, positionAfter, removeFiles } from './trail-files.js';
import { encodeRecord, positionText, type TrailEvent, type TrailPosition } from './trail-record.js';

/** What a Citadel signs with, and lets be trusted. */
export interface AuthorityFields {
  /** SHA-256 fingerprint of the certificate of the authority, hex. */
  readonly signer: string;
  /** The same of the trusted roots. */
  readonly roots: readonly string[];
  /** The same of the online intermediate that signs below the authority, where there is one. */
  readonly intermediate?: string;
}

export interface TrailOptions {
  /** Made if it is missing. */
  readonly directory: string;
  /** Who writes, as its records say it: several Citadels have a directory each. */
  readonly replica: string;
  readonly version: string;
  /** What it begins with. */
  readonly authority?: AuthorityFields & {
    /** RFC 3339, UTC: all that was issued by it since stands in this trail, also if it has begun later. */
    readonly known_since?: string | undefined;
  };
  /**
   * `wait`: a certificate goes out when its record is on the disk, and none while the disk takes nothing. `queue`: it
   * goes out at once, and what a crash takes is at most the records of that moment.
   */
  readonly mode: 'wait' | 'queue';
  /** In `wait`: how long a certificate waits for its record at most. */
  readonly maxWaitMs: number;
  /** Files that were not written to for so long are removed. */
  readonly keepMs: number;
  readonly logger: Logger;
  readonly metrics?: MetricRegistry;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly maxFileBytes?: number;
  readonly maxPending?: number;
}

/** How a trail stands, for people and metrics. */
export interface TrailState {
  readonly directory: string;
  /** The last record on the disk, as `trail verify --head` takes it. */
  readonly head: string;
  readonly pending: number;
  readonly lost: number;
  /** What the disk says as long as it takes nothing. */
  readonly failure: string | undefined;
}

/** 64 MB: some 200 000 records, which are verified in seconds. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** Records that wait for a disk: 30 MB of them, which at a hundred certificates a second are a quarter of an hour. */
const MAX_PENDING = 100_000;

/** Written at once, and synced once. */
const MAX_BATCH = 500;

/** In `queue`, between two writes: what comes meanwhile is synced with one call of the system. */
const GATHER_MS = 50;

/** A peer's wrong tokens must not fill a disk: so many refusals have a record each, the others a sum a minute. */
const REFUSALS = { burst: 200, perSecond: 5 };

const SUM_MS = 60_000;

/** Of the 5 s that a shutdown may take. */
const CLOSE_MS = 1000;

/** Below the 50 ms of a write. */
const FLUSH_LOOK_MS = 10;

/** Between two tries of a disk that takes nothing: doubled from one try to the next. */
const RETRY_MS = 100;
const MAX_RETRY_MS = 5000;

/** Whatever a peer or a system says is cut to so many characters in a record. */
const MAX_TEXT = 500;

interface Pending {
  readonly event: TrailEvent;
  readonly atMs: number;
  readonly waiter?: Waiter | undefined;
}

class Waiter {
  readonly done: Promise<void>;
  resolve!: () => void;
  reject!: (error: IdentityError) => void;

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

/**
 * Appends to the trail: one record after the other, each with the hash of the one before, so that a cut or an edit is
 * found. One write and one sync take all that came while the last one went on.
 */
export class TrailWriter {
  private readonly metrics: MetricRegistry;
  private readonly log: RateLimitedLogger;
  private readonly waiters: Deadlines<Waiter>;
  private readonly stop = new CancelSource();
  private readonly refusals = new Allowance(REFUSALS.burst, REFUSALS.perSecond, monotonicMs);
  private pending: Pending[] = [];
  private lost = 0;
  private unsaidLost = 0;
  private withheld = 0;
  private failure: string | undefined;
  private working: Promise<void> | undefined;
  private readonly sumsTimer: NodeJS.Timeout;
  private lookedForOldAtMs: number;

  private constructor(
    private readonly options: TrailOptions,
    private file: TrailFile,
    private position: TrailPosition,
    /** Of the file. */
    private sums: FileSumming,
  ) {
    this.metrics = options.metrics ?? new MetricRegistry();
    this.log = new RateLimitedLogger(options.logger);
    this.waiters = new Deadlines(options.maxWaitMs, (late) => {
      for (const waiter of late) waiter.reject(this.away());
    });
    this.sumsTimer = setInterval(() => this.writeSums(), SUM_MS).unref();
    this.lookedForOldAtMs = options.now();
  }

  /**
   * Goes on where the trail in the directory ends, in a file of its own.
   * @throws IdentityError `ERR_TRAIL_UNAVAILABLE`: the directory cannot be made, read or written.
   */
  static async open(options: TrailOptions): Promise<TrailWriter> {
    const { directory, replica, version, authority, now } = options;
    try {
      await makeDirectory(directory, 0o700);
      const { position: end, tornBytes } = await findTrailEnd(directory);
      const file = await TrailFile.create(directory, end.n + 1);
      const torn = tornBytes > 0 ? { torn_bytes: tornBytes } : {};
      const event: TrailEvent = { event: 'opened', replica, version, ...authority, ...torn };
      const openedAtMs = now();
      const opened = encodeRecord(event, openedAtMs, end);
      await file.append(Buffer.from(opened.line));
      const sums = new FileSumming();
      sums.take(event, isoTime(openedAtMs));
      const writer = new TrailWriter(options, file, opened.position, sums);
      await writer.removeOld();
      return writer;
    } catch (error) {
      throw pathError(
        'ERR_TRAIL_UNAVAILABLE',
        `trail ${directory}`,
        error,
        'a directory that this process can write to',
      );
    }
  }

  /** As things are: what it tells is of this moment. */
  get state(): TrailState {
    return {
      directory: this.options.directory,
      head: positionText(this.position),
      pending: this.pending.length,
      lost: this.lost,
      failure: this.failure,
    };
  }

  /** The number of the last record on the disk. */
  get end(): number {
    return this.position.n;
  }

  /**
   * Before a certificate is signed: no work is done for one that could not go out.
   * @throws IdentityError `ERR_TRAIL_UNAVAILABLE`: in `wait`, while the disk takes nothing.
   */
  assertTaking(): void {
    if (this.options.mode === 'wait' && this.failure !== undefined) throw this.away();
  }

  /**
   * Records a certificate that was signed.
   *
   * In `wait` resolves when the record is on the disk, and rejects with an IdentityError `ERR_TRAIL_UNAVAILABLE` when
   * that has taken too long: the certificate must not go out then, though its record may come later. In `queue`
   * resolves at once.
   */
  async issued(fields: Omit<TrailEvent, 'event'>, leafPem: Buffer): Promise<void> {
    const event: TrailEvent = { event: 'issued', ...fields, key_type: leafKeyType(leafPem) };
    if (this.options.mode === 'queue') {
      this.add(event);
      return;
    }
    await this.addAndWait(event);
  }

  /**
   * Records that a certificate was revoked. Resolves when that is on the disk, and with it all that came before.
   * @throws IdentityError `ERR_TRAIL_UNAVAILABLE`: that has taken too long; the record may come later.
   */
  async revoked(fields: Omit<TrailEvent, 'event'>): Promise<void> {
    await this.addAndWait({ event: 'revoked', ...fields });
  }

  /** Resolves when no record waits, or after the time that a certificate waits for its record at most. */
  async flushed(): Promise<void> {
    const late = new CancelSource();
    const timer = setTimeout(() => late.cancel(), this.options.maxWaitMs).unref();
    while (this.pending.length > 0 && !late.isCancelled) await sleep(FLUSH_LOOK_MS, [late, this.stop]);
    clearTimeout(timer);
  }

  /** Records a refusal, or counts it when there are many. */
  refused(fields: Omit<TrailEvent, 'event'>): void {
    if (this.refusals.take()) this.add({ event: 'refused', ...fields });
    else this.withheld += 1;
  }

  /** Another authority signs from now on, or other roots are trusted. */
  authorityChanged(fields: AuthorityFields): void {
    this.add({ event: 'authority', ...fields });
  }

  /** Writes what waits, for a second at most, and ends the trail. */
  async close(): Promise<void> {
    clearInterval(this.sumsTimer);
    this.writeSums();
    this.add({ event: 'closed', replica: this.options.replica });
    const late = setTimeout(() => this.stop.cancel(), CLOSE_MS);
    await this.working;
    clearTimeout(late);
    this.stop.cancel();
    await this.file.close();
  }

  private async addAndWait(event: TrailEvent): Promise<void> {
    const waiter = new Waiter();
    this.waiters.add(waiter);
    this.add(event, waiter);
    await waiter.done;
  }

  private add(event: TrailEvent, waiter?: Waiter): void {
    if (this.pending.length >= (this.options.maxPending ?? MAX_PENDING)) {
      this.lost += 1;
      this.unsaidLost += 1;
      this.metrics.counter(Metric.trailRecordsLost).add();
      waiter?.reject(this.away());
      return;
    }
    this.pending.push({ event: cut(event), atMs: this.options.now(), waiter });
    this.metrics.gauge(Metric.trailRecordsPending).set(this.pending.length);
    this.working ??= this.work();
  }

  private writeSums(): void {
    const { withheld, unsaidLost } = this;
    if (withheld > 0) {
      this.withheld = 0;
      this.add({ event: 'withheld', refused: withheld });
    }
    if (unsaidLost > 0 && this.failure === undefined) {
      this.unsaidLost = 0;
      this.add({ event: 'lost', records: unsaidLost });
    }
  }

  /** Never rejects. */
  private async work(): Promise<void> {
    while (this.pending.length > 0 && !this.stop.isCancelled) {
      if (this.options.mode === 'queue') await sleep(GATHER_MS, [this.stop]);
      const batch = this.pending.slice(0, MAX_BATCH);
      if (!(await this.write(batch))) break;
      this.pending = this.pending.slice(batch.length);
      this.metrics.gauge(Metric.trailRecordsPending).set(this.pending.length);
      for (const { event } of batch) this.metrics.counter(Metric.trailRecords, { event: event.event }).add();
      await this.turnOver();
    }
    // In the same turn in which nothing was left: what comes later begins the work again.
    this.working = undefined;
  }

  /** Resolves with true when all are on the disk, however long that takes; with false when it is stopped before. */
  private async write(batch: readonly Pending[]): Promise<boolean> {
    let { position } = this;
    let text = '';
    for (const { event, atMs } of batch) {
      const record = encodeRecord(event, atMs, position);
      text += record.line;
      position = record.position;
    }
    const bytes = Buffer.from(text);
    for (let tries = 0; ; tries += 1) {
      try {
        await this.file.append(bytes);
        break;
      } catch (error) {
        this.failed(error);
        await sleep(Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** tries), [this.stop]);
        if (this.stop.isCancelled) return false;
      }
    }
    this.position = position;
    for (const { event, atMs } of batch) this.sums.take(event, isoTime(atMs));
    this.recovered();
    for (const { waiter } of batch) {
      if (waiter !== undefined && this.waiters.delete(waiter)) waiter.resolve();
    }
    return true;
  }

  private failed(error: unknown): void {
    this.failure = systemReason(error);
    this.metrics.counter(Metric.trailWriteFailures).add();
    const { directory, mode } = this.options;
    const consequence = mode === 'wait' ? 'no certificate is issued' : 'records wait in memory';
    this.log.error(`trail cannot be written: ${consequence}`, {
      [Field.path]: directory,
      [Field.reason]: this.failure,
    });
  }

  private recovered(): void {
    if (this.failure === undefined) return;
    this.failure = undefined;
    this.log.info('trail is written again', {
      [Field.path]: this.options.directory,
      [Field.count]: this.pending.length,
    });
    this.writeSums();
  }

  /** Begins another file when this one is large, and looks for old ones once a day. Never rejects. */
  private async turnOver(): Promise<void> {
    const { maxFileBytes = MAX_FILE_BYTES, directory, now } = this.options;
    try {
      if (this.file.size >= maxFileBytes) {
        const next = await TrailFile.create(directory, this.position.n + 1);
        const { name, size } = this.file;
        await this.file.close();
        const summary = this.sums.summary(size);
        this.file = next;
        this.sums = new FileSumming();
        await this.removeOld();
        await keepLeafEnds(directory, await listTrailFiles(directory), new Map([[name, summary]]));
      } else if (Math.abs(now() - this.lookedForOldAtMs) > DAY_MS) {
        await this.removeOld();
      }
    } catch (error) {
      const fields = { [Field.path]: directory, [Field.reason]: messageOf(error) };
      this.log.warn('trail has no new file, and goes on in the old one', fields);
    }
  }

  /**
   * The record that says so comes first: of files that are missing without one it is known that no Citadel has removed
   * them.
   */
  private async removeOld(): Promise<void> {
    const { directory, keepMs, now } = this.options;
    this.lookedForOldAtMs = now();
    const others = (await listTrailFiles(directory)).filter((name) => name !== this.file.name);
    const old = await filesOlderThan(directory, others, now() - keepMs);
    const last = old.at(-1);
    const end = last === undefined ? undefined : await positionAfter(directory, last);
    if (end === undefined) return;
    const event: TrailEvent = { event: 'removed', files: old.length, through: end.n, hash: end.hash };
    const record = encodeRecord(event, now(), this.position);
    await this.file.append(Buffer.from(record.line));
    this.position = record.position;
    await removeFiles(directory, old);
    await syncDirectory(directory);
    this.log.info('trail files removed', { [Field.path]: directory, [Field.count]: old.length });
  }

  private away(): IdentityError {
    const { directory, maxWaitMs } = this.options;
    const why = this.failure ?? `the record was not written within ${maxWaitMs} ms`;
    return new IdentityError('ERR_TRAIL_UNAVAILABLE', `trail ${directory}: ${why}`);
  }
}

const DAY_MS = 24 * 3_600_000;

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

function cut(event: TrailEvent): TrailEvent {
  const entries = Object.entries(event).map(([name, value]) => [
    name,
    typeof value === 'string' ? clipped(value, MAX_TEXT) : value,
  ]);
  return Object.fromEntries(entries);
}
