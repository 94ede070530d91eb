import type { LogFields } from './fields.js';
import { LOG_LEVELS, type Logger, type LogLevel } from './logger.js';
import { redact } from './redact.js';

export interface JsonLoggerOptions {
  /** The quietest level that is still written. */
  readonly level: LogLevel;
  /** Takes one line with its newline. */
  readonly write: (line: string, level: LogLevel) => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Longer values are cut: a peer must not be able to fill the log with one message. */
const MAX_VALUE_CHARS = 1000;

/** One JSON object per line: `ts` (RFC 3339), `level`, `msg`, then the fields. */
export function createJsonLogger({ level, write, now }: JsonLoggerOptions): Logger {
  const threshold = LOG_LEVELS.indexOf(level);
  const log = (lineLevel: LogLevel, message: string, fields: LogFields = {}): void => {
    if (LOG_LEVELS.indexOf(lineLevel) < threshold) return;
    const line: Record<string, unknown> = { ts: new Date(now()).toISOString(), level: lineLevel, msg: message };
    for (const [name, value] of Object.entries(fields)) line[name] = typeof value === 'string' ? clean(value) : value;
    write(`${JSON.stringify(line)}\n`, lineLevel);
  };
  return {
    writesDebug: LOG_LEVELS.indexOf('debug') >= threshold,
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
