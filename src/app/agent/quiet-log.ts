import { Field, type LogFields, type Logger } from '../../telemetry/index.js';

/** The same complaint comes back with each try of whoever causes it: one line of it in this time is enough. */
const PERIOD_MS = 60_000;

/** Different complaints in that time; more are somebody's doing, and are counted only. */
const MAX_DIFFERENT = 64;

/** What peers and files can cause again and again is logged once a minute for each cause, and never more than 64 lines. */
export class QuietLog {
  private readonly told = new Set<string>();
  private untold = 0;
  private periodEndsMs = 0;

  /** `now` gives epoch milliseconds. */
  constructor(
    private readonly logger: Logger,
    private readonly now: () => number,
  ) {}

  /** As it is: for what nobody can cause at will. */
  info(message: string, fields: LogFields): void {
    this.logger.info(message, fields);
  }

  /** Once a minute for each `cause`: by default where message and fields are the same. */
  warn(message: string, fields: LogFields, cause = JSON.stringify([message, fields])): void {
    this.beginPeriod();
    if (this.told.has(cause) || this.told.size >= MAX_DIFFERENT) {
      this.untold += 1;
      return;
    }
    this.told.add(cause);
    this.logger.warn(message, fields);
  }

  private beginPeriod(): void {
    const nowMs = this.now();
    const leftMs = this.periodEndsMs - nowMs;
    // More than a period is left when the clock was set back: that must not silence us.
    if (leftMs > 0 && leftMs <= PERIOD_MS) return;
    if (this.untold > 0) this.logger.warn('complaints left out', { [Field.count]: this.untold });
    this.told.clear();
    this.untold = 0;
    this.periodEndsMs = nowMs + PERIOD_MS;
  }
}
