import { oneOf } from './kinds.js';
import { withDefault } from './option.js';

/** The same setting for every command that has keys to make or to sign with, starts one that has, or tells of it. */
export const HOT_PATH = withDefault(oneOf(['native', 'js', 'auto']), 'auto', {
  flag: 'hot-path',
  description:
    'who does the cryptography: the native addon, or JavaScript at a fraction of its rate; auto takes the addon where it loads, and the log says which one it was',
});
