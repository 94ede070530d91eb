import { type DeadlineClock, monotonicMs } from '../timers/index.js';
import { Field, type LogFields } from './fields.js';
import type { Logger } from './logger.js';
import { type RepeatedEvent, SummedLines } from './summed-lines.js';

/** After which as many lines may be written again. */
const PERIOD_MS = 60_000;

/** Different causes a minute; more are one peer's doing, and are counted only. */
const LINES_PER_MINUTE = 64;

export interface LineLimits {
  /** Of all causes; 64 if left out. */
  readonly linesPerMinute?: number;
  /** Of one cause; 1 if left out. */
  readonly linesPerCause?: number;
  /** For the sums of {@link RateLimitedLogger.repeated}; elapsed time if left out. */
  readonly clock?: DeadlineClock | undefined;
}

type FieldsOrMaker = LogFields | (() => LogFields);

/**
 * For what peers and files can cause again and again: one line a minute for each cause and 64 in all, unless it has
 * other limits, and on the next line how many were left out (`withheld`). The same for agent and Citadel.
 */
export class RateLimitedLogger {
  private readonly linesPerMinute: number;
  private readonly linesPerCause: number;
  private left = 0;
  private renewedAtMs = Number.NEGATIVE_INFINITY;
  private withheld = 0;
  /** How many lines each cause has had in this minute. */
  private readonly causes = new Map<string, number>();
  private readonly summed: SummedLines;

  /** `now` gives milliseconds, of the day or of elapsed time. */
  constructor(
    private readonly logger: Logger,
    private readonly now: () => number = monotonicMs,
    { linesPerMinute = LINES_PER_MINUTE, linesPerCause = 1, clock }: LineLimits = {},
  ) {
    this.linesPerMinute = linesPerMinute;
    this.linesPerCause = linesPerCause;
    this.summed = new SummedLines(logger, clock);
  }

  /** As it is: for what no peer can cause at will. */
  info(message: string, fields: LogFields): void {
    this.logger.info(message, fields);
  }

  /**
   * A line, unless its `cause` has had its own in this minute: by default those have one cause whose message and fields
   * are the same. Fields that cost something are given as a function, which a withheld line does not call. False when
   * the line is withheld.
   */
  warn(message: string, fields: FieldsOrMaker, cause = causeOf(message, fields)): boolean {
    return this.write('warn', message, fields, cause);
  }

  /** The same at level `error`. */
  error(message: string, fields: FieldsOrMaker, cause = causeOf(message, fields)): boolean {
    return this.write('error', message, fields, cause);
  }

  /** The same at level `info`: for what is no fault, and what a peer can cause at will. */
  limitedInfo(message: string, fields: FieldsOrMaker, cause = causeOf(message, fields)): boolean {
    return this.write('info', message, fields, cause);
  }

  /**
   * For what an accepted peer may do again and again: the first 20 of a minute and subject are lines of their own, the
   * others one line that says how many there were. At `debug` each of those is a line, too.
   */
  repeated(event: RepeatedEvent, fields: LogFields): void {
    this.summed.write(event, fields);
  }

  /** Writes the sums of the minutes that are not over. */
  close(): void {
    this.summed.close();
  }

  private write(level: 'info' | 'warn' | 'error', message: string, fields: FieldsOrMaker, cause: string): boolean {
    this.renew();
    const written = this.causes.get(cause) ?? 0;
    if (this.left === 0 || written === this.linesPerCause) {
      this.withheld += 1;
      return false;
    }
    this.left -= 1;
    this.causes.set(cause, written + 1);
    const made = typeof fields === 'function' ? fields() : fields;
    this.logger[level](message, this.withheld === 0 ? made : { ...made, [Field.withheld]: this.withheld });
    this.withheld = 0;
    return true;
  }

  /** Begins another minute if it is time. */
  private renew(): void {
    const nowMs = this.now();
    // A clock that was set back must not silence us.
    if (nowMs - this.renewedAtMs < PERIOD_MS && nowMs >= this.renewedAtMs) return;
    this.renewedAtMs = nowMs;
    this.left = this.linesPerMinute;
    this.causes.clear();
  }
}

function causeOf(message: string, fields: FieldsOrMaker): string {
  return JSON.stringify([message, typeof fields === 'function' ? fields() : fields]);
}
