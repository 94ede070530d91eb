import { readFileSync } from 'node:fs';
import { loadAddon } from '../addon/index.js';

/**
 * How many files this process may have open; infinite where the system does not tell. Node raises its own limit to the
 * hard one at start. (proc_pid_limits(5))
 */
export function openFileLimit(): number {
  try {
    const [, soft = ''] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === '' ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/**
 * Makes room for so many descriptors in the kernel's table, as far as the limit goes, and waits for it: up to 15 ms,
 * which the code that opens one too many for the table waits otherwise, at each doubling. A hub that listens has it
 * made ahead, by a thread. Without the addon nothing is done.
 */
export function reserveDescriptors(count: number): void {
  const load = loadAddon();
  if (load.kind === 'loaded') load.addon.reserveDescriptors(count);
}
