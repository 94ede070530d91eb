import t from 'tap';
import type { HotPath } from '../../src/hotpath/index.js';
import { createPooledHotPath } from '../../src/hotpath/pool.js';

/**
 * A hot path with one thread for the tests of a file, closed when they are over. `maxQueue`: as many may wait for it.
 */
export function openHotPath({ maxQueue = 64 } = {}): HotPath {
  const hotPath = createPooledHotPath({
    threads: { min: 1, max: 1 },
    idleTimeoutMs: 1000,
    maxQueue,
    taskTimeoutMs: 20_000,
  });
  t.teardown(() => hotPath.close());
  return hotPath;
}
