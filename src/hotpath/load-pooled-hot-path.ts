import type { HotPath } from './hot-path.js';
import type { PooledHotPathOptions } from './pool.js';

/**
 * As `createPooledHotPath`, for a process that does not always need a pool: only one that does spends time on loading
 * it.
 */
export async function loadPooledHotPath(options: PooledHotPathOptions): Promise<HotPath> {
  const { createPooledHotPath } = await import('./pool.js');
  return createPooledHotPath(options);
}
