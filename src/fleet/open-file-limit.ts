import { IdentityError } from '../errors/index.js';
import { openFileLimit } from '../system/platform/index.js';

/** For Node itself, the PING connections and the reports. */
const OTHER_FILES = 64;

/**
 * Sees to it that each connection can have its descriptor. Node raises its own limit to the hard one at start, and can
 * do no more. Gives how many there are to be.
 * @throws IdentityError `ERR_CONFIG_INVALID`: the limit is lower than needed.
 */
export function requireOpenFiles(connections: number, limit: number = openFileLimit()): number {
  const needed = connections + OTHER_FILES;
  if (limit >= needed) return needed;
  throw new IdentityError(
    'ERR_CONFIG_INVALID',
    `open files: got a limit of ${limit}, expected at least ${needed} for ${connections} connections; raise it with "ulimit -n ${needed}", for the server too`,
  );
}
