import { type DeadlineClock, unreferencedTime } from '../timers/index.js';
import { LOG_LEVELS, type LogLevel } from './logger.js';

/** The least level of lines that are written: the configured one, or another one for a while. */
export class LogThreshold {
  private rank: number;
  private disarm: (() => void) | undefined;

  constructor(
    private atRest: LogLevel,
    private readonly clock: DeadlineClock = unreferencedTime,
  ) {
    this.rank = LOG_LEVELS.indexOf(atRest);
  }

  get configured(): LogLevel {
    return this.atRest;
  }

  /** Another configured level, from now on: also in place of one that was set for a while. */
  configure(level: LogLevel): void {
    this.atRest = level;
    this.set(level);
  }

  get level(): LogLevel {
    return LOG_LEVELS[this.rank] ?? this.configured;
  }

  writes(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= this.rank;
  }

  /**
   * Sets another level until the next call, or for `forMs`, at most 24 days: then the configured level is back and
   * `onBack` is called.
   */
  set(level: LogLevel, forMs?: number, onBack: () => void = () => {}): void {
    this.disarm?.();
    this.rank = LOG_LEVELS.indexOf(level);
    const back = (): void => {
      this.set(this.configured);
      onBack();
    };
    this.disarm = forMs === undefined ? undefined : this.clock.after(forMs, back);
  }
}
