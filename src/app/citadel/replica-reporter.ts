import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { CancelSource } from '../../cancellation/index.js';
import { errorCodeOf, messageOf } from '../../errors/index.js';
import type { ProcessMark } from '../../system/small-files/index.js';
import { Field, type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import { everyUnreferenced, monotonicMs } from '../../timers/index.js';
import {
  decodeReports,
  encodeReport,
  isOver,
  KNOWN_SINCE,
  type ReplicaReport,
  type ReportOrigin,
  SILENT_MS,
  withoutRepeats,
} from './replica-report.js';
import type { ReportBoard } from './report-board.js';

/** A patch of one object each: as little as a Lease costs. */
const REPORT_MS = 30_000;

/** The last report waits no longer for an API server: a shutdown may take 5 s, and 2 of them are for calls that end. */
const END_MS = 1000;

/** A directory may be one that Citadel can only read, for good: the same failure is told again so often. */
const TELL_AGAIN_MS = 24 * 3_600_000;

interface ReporterOptions {
  readonly board: ReportBoard;
  /** What this replica knows now. */
  readonly report: () => ReplicaReport;
  /** Since when it knows all that was issued by all replicas; epoch milliseconds. */
  readonly knownSinceMs: number;
  /** It has made the authority itself: nothing was issued before by any replica. */
  readonly isFresh: boolean;
  /** As of {@link ReportOrigin}. */
  readonly trail?: string | undefined;
  readonly logger: Logger;
  /** Milliseconds of a clock that is never set. */
  readonly elapsedMs?: () => number;
}

/**
 * Tells the other replicas, and who changes the root, of the workloads that this one has issued to: on one board, with
 * a key for each replica.
 */
export class ReplicaReporter {
  /** Of the pod, which has several processes one after the other. */
  private readonly prefix = `${hostname()}.`;
  readonly key = `${this.prefix}${randomBytes(4).toString('hex')}`;
  private readonly stop: () => void;
  private readonly log: RateLimitedLogger;
  /** `undefined` when it is not known yet whether this process can be marked. */
  private mark: { readonly of: ProcessMark | undefined } | undefined;
  private sending: Promise<void> = Promise.resolve();
  /** Of the first report that was sent; epoch milliseconds. */
  private begunAtMs: number | undefined;
  private isAwaited = false;
  /** The failure that lasts, as it was told last. */
  private told: { readonly message: string; readonly atMs: number } | undefined;
  private isClosed = false;
  /** No answer is waited for any more. */
  private readonly ending = new CancelSource();

  constructor(private readonly options: ReporterOptions) {
    this.log = new RateLimitedLogger(options.logger, options.elapsedMs);
    this.stop = everyUnreferenced(REPORT_MS, () => this.reportNow());
    this.reportNow();
  }

  /** Of what this process tells. */
  get origin(): ReportOrigin {
    const { trail } = this.options;
    const { bootId } = this.mark?.of ?? {};
    return { ...(bootId !== undefined && { bootId }), ...(trail !== undefined && { trail }) };
  }

  /** Another authority is in use: who changes it waits for that. */
  reportNow(): void {
    if (this.isAwaited || this.isClosed) return;
    this.isAwaited = true;
    this.sending = this.sending.then(() => {
      this.isAwaited = false;
      return this.send(false);
    });
  }

  /** Tells that this replica issues no more, in a second or not at all. Safe to call twice. */
  async close(): Promise<void> {
    if (this.isClosed) return this.sending;
    this.isClosed = true;
    this.stop();
    const limit = setTimeout(() => this.ending.cancel(), END_MS);
    this.sending = this.sending.then(() => this.send(true)).finally(() => clearTimeout(limit));
    await this.sending;
    await this.mark?.of?.remove();
  }

  /** Never rejects: the next report tells the same. */
  private async send(hasEnded: boolean): Promise<void> {
    if (!hasEnded) await this.keepMarked();
    const report = { ...this.options.report(), ...this.origin, hasEnded };
    // One that ends, and leaves nothing behind, is as if it had not been.
    const own = { [this.key]: hasEnded && isOver(report, report.atMs) ? null : encodeReport(report) };
    const { board } = this.options;
    try {
      if (hasEnded && this.begunAtMs === undefined) return;
      this.begunAtMs ??= report.atMs;
      const all = (await board.change(own, this.ending)) ?? (await this.make(own, report.atMs));
      const changes = this.cleaning(all, report.atMs);
      if (Object.keys(changes).length > 0) await board.change(changes, this.ending);
      this.told = undefined;
    } catch (error) {
      this.failed(error);
    }
  }

  /** Who took this process for one that has ended may have removed its mark: that is made again before it is named. */
  private async keepMarked(): Promise<void> {
    const former = this.mark?.of;
    if (this.mark !== undefined && (former === undefined || (await former.isThere()))) return;
    await former?.remove();
    this.mark = { of: await this.options.board.mark?.(this.key).catch(() => undefined) };
  }

  private failed(error: unknown): void {
    const { board, elapsedMs = monotonicMs } = this.options;
    const [message, atMs] = [messageOf(error), elapsedMs()];
    if (this.told?.message === message && atMs < this.told.atMs + TELL_AGAIN_MS) return;
    this.told = { message, atMs };
    this.log.warn('what this replica has issued could not be told to the others', {
      [Field.path]: board.name,
      [Field.code]: errorCodeOf(error),
      [Field.error]: message,
    });
  }

  /** Of several replicas that do so at once, each tells its own part again with its next report. */
  private make(own: Readonly<Record<string, string | null>>, nowMs: number): Promise<Readonly<Record<string, string>>> {
    const data = { [KNOWN_SINCE]: new Date(this.knownSinceMs(nowMs)).toISOString(), ...own };
    return this.options.board.make(data, this.ending);
  }

  /** What tells of nothing any more goes. */
  private cleaning(data: Readonly<Record<string, string>>, nowMs: number): Record<string, string | null> {
    const changes: Record<string, string | null> = {};
    const { reports, knownSinceMs } = decodeReports(data);
    const repeats = withoutRepeats(reports, { prefix: this.prefix, own: this.key, nowMs });
    for (const [key, report] of repeats) changes[key] = report === null ? null : encodeReport(report);
    for (const [key, report] of reports) if (key !== this.key && isOver(report, nowMs)) changes[key] = null;
    const ownMs = this.knownSinceMs(nowMs);
    const isEarlier = ownMs < Math.min(knownSinceMs, nowMs);
    if (isEarlier || !Number.isFinite(knownSinceMs)) changes[KNOWN_SINCE] = new Date(ownMs).toISOString();
    return changes;
  }

  /**
   * Since when all that was issued by all replicas is told. Who has made the authority knows its beginning, but only at
   * first: when the ConfigMap is deleted later, what ended replicas told is lost with it.
   */
  private knownSinceMs(nowMs: number): number {
    const { isFresh, knownSinceMs } = this.options;
    return isFresh && nowMs < (this.begunAtMs ?? nowMs) + SILENT_MS ? knownSinceMs : nowMs;
  }
}
