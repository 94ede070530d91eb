import { oneOf } from './kinds.js';
import { type ConfigOf, required } from './option.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof SHELLS)[number];

/** `sidecert completion`. */
export const COMPLETION_OPTIONS = {
  shell: required(oneOf(SHELLS), {
    flag: 'shell',
    description: 'for which shell',
  }),
};

export type CompletionConfig = ConfigOf<typeof COMPLETION_OPTIONS>;
