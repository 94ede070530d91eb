import { oneOf } from './kinds.js';
import { withDefault } from './option.js';

/** The same setting for every long-running command. */
export const LOG_LEVEL = withDefault(oneOf(['debug', 'info', 'warn', 'error']), 'info', {
  flag: 'log-level',
  description: 'quietest level that is written to stderr, one JSON object per line',
});
