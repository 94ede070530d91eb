import { openFileLimit } from '../system/platform/index.js';
import { Field, type Logger } from '../telemetry/index.js';

/** Open files for all but peers: threads, files that are read, the other side, the connection that is refused. */
const OTHER_FILES = 128;

/** A gateway of Envoy alone may have as many. Every common limit of open files leaves room for more. */
const FEW_CONNECTIONS = 512;

/** As many connections as are wanted, as far as the limit of open files goes; the log says so where these are few. */
export function connectionLimit(wanted: number, logger: Logger): number {
  const room = openFileLimit() - OTHER_FILES;
  if (room >= wanted) return wanted;
  const limit = Math.max(1, room);
  if (limit < FEW_CONNECTIONS) {
    logger.warn('limit of open files leaves room for few connections', { [Field.connections]: limit });
  }
  return limit;
}
