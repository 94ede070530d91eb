import { HOT_PATH } from './hot-path.js';
import { boolean } from './kinds.js';
import { type ConfigOf, switchOf } from './option.js';

/** `sidecert demo`, which `npm start` runs. */
export const DEMO_OPTIONS = {
  once: switchOf(boolean, {
    flag: 'once',
    description: 'end after the checks: exit code 0 when all hold, 1 when one fails',
  }),
  hotPath: HOT_PATH,
};

export type DemoConfig = ConfigOf<typeof DEMO_OPTIONS>;
