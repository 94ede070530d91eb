import type { LogLevelConfig } from '../config/index.js';
import { askLogLevel } from '../explain/index.js';
import { redact } from '../telemetry/index.js';
import { Exit, print, printError } from './process.js';

/** A process that takes longer is itself the news. */
const TIMEOUT_MS = 5000;

/** `sidecert log-level`. Resolves with the exit code. */
export async function runLogLevel({ statusAddress, level, forMs }: LogLevelConfig): Promise<number> {
  const reply = await askLogLevel(statusAddress, { level, forMs }, TIMEOUT_MS);
  if (reply.kind === 'changed') {
    print(`${redact(reply.text)}\n`);
    return Exit.ok;
  }
  printError(`sidecert log-level: ${redact(reply.reason)}: ${reply.advice}\n`);
  return Exit.failed;
}
