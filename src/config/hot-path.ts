import { oneOf } from './kinds.js';
import { withDefault } from './option.js';

/** Whether a command uses the native addon; `description` says for what. */
export function hotPathOption(description: string) {
  return withDefault(oneOf(['native', 'js', 'auto']), 'auto', { flag: 'hot-path', description });
}

/** The same setting for every command that has keys to make or to sign with, starts one that has, or tells of it. */
export const HOT_PATH = hotPathOption(
  'who does the cryptography: the native addon, or JavaScript at a fraction of its rate; auto takes the addon where it loads, and the log says which one it was',
);
