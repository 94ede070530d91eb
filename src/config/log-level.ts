import { oneOf } from './kinds.js';
import { withDefault } from './option.js';

/** The same setting for every long-running command. */
export const LOG_LEVEL = withDefault(oneOf(['debug', 'info', 'warn', 'error']), 'info', {
  flag: 'log-level',
  description: 'quietest level that is written to stderr; sidecert log-level sets another one while it runs',
});

/** The same. */
export const LOG_FORMAT = withDefault(oneOf(['json', 'text']), 'json', {
  flag: 'log-format',
  description: 'form of a line of the log: one JSON object, or text in columns, with colours on a terminal',
});
