import { durationMs, type Kind, oneOf } from './kinds.js';
import { type ConfigOf, optional, required } from './option.js';
import { STATUS_OPTIONS } from './status-options.js';

/** A level that is forgotten fills a disk. */
const LONGEST_MS = 24 * 60 * 60 * 1000;

const atMostADay: Kind<number> = {
  ...durationMs,
  expected: 'a duration of 1s to 24h',
  parse(text, files) {
    const ms = durationMs.parse(text, files);
    return ms === undefined || ms < 1000 || ms > LONGEST_MS ? undefined : ms;
  },
};

/** `sidecert log-level`. */
export const LOG_LEVEL_OPTIONS = {
  statusAddress: STATUS_OPTIONS.statusAddress,
  level: required(oneOf(['debug', 'info', 'warn', 'error', 'configured']), {
    flag: 'level',
    description: 'quietest level that is written from now on; configured: that of its own --log-level',
  }),
  forMs: optional(atMostADay, {
    flag: 'for',
    description: 'after this time the configured level is back; left out, when the process starts again',
  }),
};

export type LogLevelConfig = ConfigOf<typeof LOG_LEVEL_OPTIONS>;
