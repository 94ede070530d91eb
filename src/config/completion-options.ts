import { oneOf } from './kinds.js';
import { type ConfigOf, required } from './option.js';

/** `sidecert completion`. */
export const COMPLETION_OPTIONS = {
  shell: required(oneOf(['bash', 'zsh', 'fish']), {
    flag: 'shell',
    description: 'for which shell',
  }),
};

export type CompletionConfig = ConfigOf<typeof COMPLETION_OPTIONS>;
