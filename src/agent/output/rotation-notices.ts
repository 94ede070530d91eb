import { type ErrorCode, errorCodeOf, type FailureRecord, failureRecord } from '../../errors/index.js';
import { Field, type Logger, Metric, type MetricRegistry } from '../../telemetry/index.js';
import type { ScheduledCall, WallClockTimers } from '../../timers/index.js';
import { type Notice, type NoticeTarget, sendNotice, targetText } from './rotation-notice.js';

/** How a target stands, for an operator. */
export interface NoticeStatus {
  readonly to: string;
  /** Epoch milliseconds. */
  readonly sentAtMs: number | undefined;
  /** Of the last switch, in a row. */
  readonly failures: number;
  readonly lastFailure: FailureRecord | undefined;
}

export interface RotationNoticesOptions {
  readonly targets: readonly NoticeTarget[];
  readonly timers: WallClockTimers;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/** 1, 2, 4 and 8 s apart: an application that restarts is told within them. One that starts later reads anyway. */
const MAX_TRIES = 5;
const FIRST_RETRY_MS = 1000;

/** Tells the applications that read the files of each switch: each target by itself, whatever the others do. */
export class RotationNotices {
  private readonly each: readonly TargetNotices[];

  constructor(options: RotationNoticesOptions) {
    this.each = options.targets.map((target) => new TargetNotices(target, options));
  }

  /** The files have been switched. What is still to be told of an earlier switch is told by this one. */
  switched(notice: Notice): void {
    for (const target of this.each) target.switched(notice);
  }

  status(): NoticeStatus[] {
    return this.each.map((target) => target.status());
  }

  /** Resolves when none is being sent. Safe to call twice. */
  async close(): Promise<void> {
    await Promise.all(this.each.map((target) => target.close()));
  }
}

class TargetNotices {
  private due: Notice | undefined;
  private sending: Promise<void> | undefined;
  private retry: ScheduledCall | undefined;
  private isClosed = false;
  private failures = 0;
  private sentAtMs: number | undefined;
  private lastFailure: NoticeStatus['lastFailure'];

  constructor(
    private readonly target: NoticeTarget,
    private readonly options: Omit<RotationNoticesOptions, 'targets'>,
  ) {}

  switched(notice: Notice): void {
    this.due = notice;
    this.failures = 0;
    this.send();
  }

  status(): NoticeStatus {
    const { sentAtMs, failures, lastFailure } = this;
    return { to: targetText(this.target), sentAtMs, failures, lastFailure };
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.retry?.cancel();
    await this.sending;
  }

  private send(): void {
    this.retry?.cancel();
    this.sending ??= this.sendWhileDue();
  }

  /** Never rejects. */
  private async sendWhileDue(): Promise<void> {
    let notice = this.due;
    while (notice !== undefined && !this.isClosed) {
      this.due = undefined;
      await this.sendOne(notice);
      notice = this.due;
    }
    this.sending = undefined;
  }

  private async sendOne(notice: Notice): Promise<void> {
    const { metrics, now, logger } = this.options;
    let code: ErrorCode | 'OK' = 'OK';
    try {
      await sendNotice(this.target, notice);
      this.failures = 0;
      this.sentAtMs = now();
      logger.info('told of new svid files', { [Field.target]: targetText(this.target), [Field.serial]: notice.serial });
    } catch (error) {
      code = errorCodeOf(error);
      this.failed(failureRecord(error, now()), notice);
    }
    metrics.counter(Metric.outputNotices, { code }).add();
  }

  private failed(failure: FailureRecord, notice: Notice): void {
    const { timers, now, logger } = this.options;
    this.failures += 1;
    this.lastFailure = failure;
    const isFirst = this.failures === 1;
    const isLast = this.failures >= MAX_TRIES;
    logger[isFirst || isLast ? 'warn' : 'debug']('not told of new svid files', {
      [Field.target]: targetText(this.target),
      [Field.attempt]: this.failures,
      [Field.code]: failure.code,
      [Field.error]: failure.message,
    });
    if (isLast || this.isClosed || this.due !== undefined) return;
    const retryMs = FIRST_RETRY_MS * 2 ** (this.failures - 1);
    this.retry = timers.schedule(now() + retryMs, () => {
      this.due ??= notice;
      this.send();
    });
  }
}
