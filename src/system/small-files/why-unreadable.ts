import { accessSync, constants, statSync } from 'node:fs';
import { kindOf } from './file-kind.js';
import { systemReason } from './path-error.js';

/** Why a file cannot be read now, completing "got …"; `undefined` when it can. */
export function whyUnreadable(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK);
    const state = statSync(path);
    return state.isFile() ? undefined : kindOf(state);
  } catch (error) {
    return systemReason(error);
  }
}
