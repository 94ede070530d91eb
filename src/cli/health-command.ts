import { checkHealth } from '../app/index.js';
import type { HealthConfig } from '../config/index.js';
import { Exit, print, printError } from './process.js';

export async function runHealth(config: HealthConfig): Promise<number> {
  const { isServing, detail } = await checkHealth(config);
  (isServing ? print : printError)(`${detail}\n`);
  return isServing ? Exit.ok : Exit.failed;
}
