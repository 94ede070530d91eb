import type { LogFields } from './fields.js';

/** From the quietest need to the loudest; a logger writes its own level and all to the right of it. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Where the rooms say what happens. The message is a constant text; everything that varies is a field.
 * `error`: a person must act. `warn`: degraded but working. `info`: life cycle and rotations. `debug`: protocol.
 */
export interface Logger {
  /**
   * Whether `debug` writes anything: to be asked first where a line for each message would cost more than the message.
   */
  readonly writesDebug: boolean;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Says nothing. For tests, and for tools whose output is their own. */
export const silentLogger: Logger = {
  writesDebug: false,
  debug() {},
  info() {},
  warn() {},
  error() {},
};
