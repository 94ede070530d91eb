import { readFileSync } from 'node:fs';

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
