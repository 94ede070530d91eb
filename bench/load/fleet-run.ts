import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { FleetReport } from '../../src/fleet/index.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/sidecert.js', import.meta.url));

/** What the fleet prints when the last stream has its first secret. */
const ALL_SERVED = /have their first secret after/;

/**
 * Runs `sidecert fleet` and resolves with its report. `onAllServed` is called when the last stream has its first secret.
 * Rejects when it does not come to a report.
 */
export async function runFleetProcess(
  args: readonly string[],
  { jsonFile, onAllServed }: { jsonFile: string; onAllServed: () => void },
): Promise<FleetReport> {
  const child = spawn(process.execPath, [PROGRAM, 'fleet', ...args, '--json', jsonFile], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      said += `${line}\n`;
      if (ALL_SERVED.test(line)) onAllServed();
    });
  }
  await once(child, 'close');
  try {
    return JSON.parse(await readFile(jsonFile, 'utf8'));
  } catch (cause) {
    throw new Error(`the fleet came to no report:\n${said}`, { cause });
  }
}
