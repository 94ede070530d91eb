import type { LOG_LEVELS, LogFields, Logger, LogLevel } from '../../src/telemetry/index.js';

export interface LoggedLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps what it is told, before any redaction, and lets a test wait for it. */
export class RecordingLogger implements Logger {
  readonly writesDebug = true;
  readonly lines: LoggedLine[] = [];
  #waiters: (() => void)[] = [];
  readonly debug = this.#keeper('debug');
  readonly info = this.#keeper('info');
  readonly warn = this.#keeper('warn');
  readonly error = this.#keeper('error');

  /** The lines with this message. */
  of(message: string): LoggedLine[] {
    return this.lines.filter((line) => line.message === message);
  }

  /** Resolves with the `count`-th line that has this message. */
  async until(message: string, count = 1): Promise<LoggedLine> {
    for (;;) {
      const line = this.of(message)[count - 1];
      if (line !== undefined) return line;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  /** All that has been said, as one text to search in. */
  get text(): string {
    return JSON.stringify(this.lines);
  }

  #keeper(level: (typeof LOG_LEVELS)[number]): Logger[LogLevel] {
    return (message, fields = {}) => {
      this.lines.push({ level, message, fields });
      for (const wake of this.#waiters.splice(0)) wake();
    };
  }
}
