import type { DeadlineClock } from '../timers/index.js';
import { Field, type LogFields } from './fields.js';
import { LineBudget } from './line-budget.js';
import type { Logger } from './logger.js';
import { type RepeatedEvent, SummedLines } from './summed-lines.js';

/** Different causes a minute; more are one peer's doing, and are counted only. */
const LINES_PER_MINUTE = 64;

/**
 * For what peers and files can cause again and again: one line a minute for each cause, never more than 64 lines, and
 * on the next line how many were left out (`withheld`). The same for agent and Citadel.
 */
export class RateLimitedLogger {
  private readonly budget = new LineBudget(LINES_PER_MINUTE);
  /** Those that have had their line in this minute. */
  private readonly causes = new Set<string>();
  private readonly summed: SummedLines;

  /** `now` gives epoch milliseconds; `clock` is for the lines of {@link repeated}, by default elapsed time. */
  constructor(
    private readonly logger: Logger,
    private readonly now: () => number,
    clock?: DeadlineClock,
  ) {
    this.summed = new SummedLines(logger, clock);
  }

  /** As it is: for what no peer can cause at will. */
  info(message: string, fields: LogFields): void {
    this.logger.info(message, fields);
  }

  /** Once a minute for each `cause`: by default where message and fields are the same. */
  warn(message: string, fields: LogFields, cause = JSON.stringify([message, fields])): void {
    const nowMs = this.now();
    if (this.budget.renew(nowMs)) this.causes.clear();
    if (this.causes.has(cause)) {
      this.budget.leaveOut();
      return;
    }
    const withheld = this.budget.take(nowMs);
    if (withheld === undefined) return;
    this.causes.add(cause);
    this.logger.warn(message, withheld === 0 ? fields : { ...fields, [Field.withheld]: withheld });
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
}
