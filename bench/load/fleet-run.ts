import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { FleetReport } from '../../src/fleet/index.js';
import { plainEnvironment } from './watched-process.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/sidecert.js', import.meta.url));

/** What the fleet prints when the last stream has its first secret, and when a rotation has come to all of them. */
const ALL_SERVED = /have their first secret after/;
const ROTATED = /rotation \d+ has come to all streams/;

/**
 * Runs `sidecert fleet` and resolves with its report. `onAllServed` is called when the last stream has its first
 * secret, `onRotated` after each rotation. Rejects when it does not come to a report.
 */
export async function runFleetProcess(
  args: readonly string[],
  { jsonFile, onAllServed, onRotated }: { jsonFile: string; onAllServed: () => void; onRotated: () => void },
): Promise<FleetReport> {
  const child = spawn(process.execPath, [PROGRAM, 'fleet', ...args, '--json', jsonFile], {
    env: plainEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      said += `${line}\n`;
      if (ALL_SERVED.test(line)) onAllServed();
      if (ROTATED.test(line)) onRotated();
    });
  }
  await once(child, 'close');
  try {
    return JSON.parse(await readFile(jsonFile, 'utf8'));
  } catch (cause) {
    throw new Error(`the fleet came to no report:\n${said}`, { cause });
  }
}
