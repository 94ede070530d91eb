import { HOT_PATH } from './hot-path.js';
import type { ConfigOf } from './option.js';

/** `sidecert version`. */
export const VERSION_OPTIONS = { hotPath: HOT_PATH };

export type VersionConfig = ConfigOf<typeof VERSION_OPTIONS>;
