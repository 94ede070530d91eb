import { Field, type LogFields } from './fields.js';
import { jsonLine, type LineFormat } from './line-formats.js';
import type { LogThreshold } from './log-threshold.js';
import type { Logger, LogLevel } from './logger.js';
import { redact } from './redact.js';

export interface LineLoggerOptions {
  readonly threshold: LogThreshold;
  /** JSON if left out. */
  readonly format?: LineFormat;
  /** Takes one line with its newline; `false` says that it is lost. */
  readonly write: (line: string, level: LogLevel) => unknown;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Longer values are cut: a peer must not be able to fill the log with one message. */
const MAX_VALUE_CHARS = 1000;

/** What each code means and what to do about it, one anchor each. */
const ERRORS_PAGE = 'https://github.com/sidecert/sidecert/blob/main/docs/errors.md';

/**
 * One line for each event. A warning or an error that has a code also has the place that says what to do about it. Of
 * lines that were lost it tells as soon as there is room for that.
 */
export function createLineLogger({ threshold, format = jsonLine, write: writeLine, now }: LineLoggerOptions): Logger {
  let lost = 0;
  const write = (level: LogLevel, message: string, fields: LogFields): boolean => {
    const cleaned: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(fields)) {
      cleaned[name] = typeof value === 'string' ? clean(value) : value;
    }
    const code = level === 'warn' || level === 'error' ? fields[Field.code] : undefined;
    if (code !== undefined) cleaned[Field.advice] = `${ERRORS_PAGE}#${code}`;
    const line = format(new Date(now()).toISOString(), level, message, cleaned as LogFields);
    return writeLine(`${line}\n`, level) !== false;
  };
  const log = (level: LogLevel, message: string, fields: LogFields = {}): void => {
    if (!threshold.writes(level)) return;
    if (lost > 0 && write('warn', 'log lines lost', { [Field.count]: lost })) lost = 0;
    if (lost > 0 || !write(level, message, fields)) lost += 1;
  };
  return {
    get writesDebug() {
      return threshold.writes('debug');
    },
    debug: (message, fields) => log('debug', message, fields),
    info: (message, fields) => log('info', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    error: (message, fields) => log('error', message, fields),
  };
}

function clean(value: string): string {
  const redacted = redact(value);
  return redacted.length <= MAX_VALUE_CHARS ? redacted : `${redacted.slice(0, MAX_VALUE_CHARS)}…`;
}
