import { Field, type LogFields } from './fields.js';
import { LOG_LEVELS, type Logger, type LogLevel } from './logger.js';
import { redact } from './redact.js';

export interface JsonLoggerOptions {
  /** The quietest level that is still written. */
  readonly level: LogLevel;
  /** Takes one line with its newline; `false` says that it is lost. */
  readonly write: (line: string, level: LogLevel) => unknown;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Longer values are cut: a peer must not be able to fill the log with one message. */
const MAX_VALUE_CHARS = 1000;

/**
 * One JSON object per line: `ts` (RFC 3339), `level`, `msg`, then the fields. Of lines that were lost it tells as soon
 * as there is room for that.
 */
export function createJsonLogger({ level, write: writeLine, now }: JsonLoggerOptions): Logger {
  const threshold = LOG_LEVELS.indexOf(level);
  let lost = 0;
  const write = (lineLevel: LogLevel, message: string, fields: LogFields): boolean => {
    const line: Record<string, unknown> = { ts: new Date(now()).toISOString(), level: lineLevel, msg: message };
    for (const [name, value] of Object.entries(fields)) line[name] = typeof value === 'string' ? clean(value) : value;
    return writeLine(`${JSON.stringify(line)}\n`, lineLevel) !== false;
  };
  const log = (lineLevel: LogLevel, message: string, fields: LogFields = {}): void => {
    if (LOG_LEVELS.indexOf(lineLevel) < threshold) return;
    if (lost > 0 && write('warn', 'log lines lost', { [Field.count]: lost })) lost = 0;
    if (lost > 0 || !write(lineLevel, message, fields)) lost += 1;
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
