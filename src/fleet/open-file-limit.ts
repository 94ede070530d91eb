import { readFileSync } from 'node:fs';
import { IdentityError } from '../errors/index.js';

/** For Node itself, the PING connections and the reports. */
const OTHER_FILES = 64;

/**
 * Sees to it that each connection can have its descriptor. Node raises its own limit to the hard one at start, and can do
 * no more.
 * @throws IdentityError `ERR_CONFIG_INVALID`: the limit is lower than needed.
 */
export function requireOpenFiles(connections: number, limit: number = openFileLimit()): void {
  const needed = connections + OTHER_FILES;
  if (limit >= needed) return;
  throw new IdentityError(
    'ERR_CONFIG_INVALID',
    `open files: got a limit of ${limit}, expected at least ${needed} for ${connections} connections; raise it with "ulimit -n ${needed}", for the server too`,
  );
}

/** The limit of this process; infinite where the system does not tell. (proc_pid_limits(5)) */
function openFileLimit(): number {
  try {
    const [, soft = ''] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === '' ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
