import { checkHealth } from '../app/index.js';
import type { HealthConfig } from '../config/index.js';
import { clipped } from '../text/index.js';
import { Exit, print, printError } from './process.js';

/** It quotes paths and what a peer says. */
const MAX_DETAIL_CHARS = 1000;

export async function runHealth(config: HealthConfig): Promise<number> {
  const { isServing, detail } = await checkHealth(config);
  (isServing ? print : printError)(`${clipped(detail, MAX_DETAIL_CHARS)}\n`);
  return isServing ? Exit.ok : Exit.failed;
}
