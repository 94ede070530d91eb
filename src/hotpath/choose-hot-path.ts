import { IdentityError } from '../errors/index.js';
import { loadAddon } from '../system/addon/index.js';
import { HOT_PATH_KINDS, type HotPathKind } from './implementation.js';

/** What an operator may ask for. */
const HOT_PATH_MODES = [...HOT_PATH_KINDS, 'auto'] as const;

export type HotPathMode = (typeof HOT_PATH_MODES)[number];

export interface HotPathChoice {
  readonly kind: HotPathKind;
  /** For the log: why this one. */
  readonly reason: string;
}

/**
 * Decides once, at start, who does the work. `auto` takes the addon where it loads; `js` does not even try.
 * @throws IdentityError `ERR_CONFIG_INVALID`: `native` was asked for, and the addon does not load.
 */
export function chooseHotPath(mode: HotPathMode, load: typeof loadAddon = loadAddon): HotPathChoice {
  if (mode === 'js') return { kind: 'js', reason: 'asked for' };
  const loaded = load();
  if (loaded.kind === 'loaded') {
    return { kind: 'native', reason: mode === 'native' ? 'asked for' : 'the addon loads' };
  }
  if (mode === 'auto') return { kind: 'js', reason: loaded.reason };
  throw new IdentityError(
    'ERR_CONFIG_INVALID',
    `hot path: got native, but ${loaded.reason}; build it with npm run setup where there is a C++ compiler, or take auto or js`,
  );
}
