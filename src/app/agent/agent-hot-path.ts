import type { IssuedWorkloads } from '../../config/index.js';
import {
  createLoneHotPath,
  type HotPath,
  loadPooledHotPath,
  type PooledHotPathOptions,
  residentThreads,
} from '../../hotpath/index.js';

/**
 * For RSA keys only: a lone workload's other work is done without a thread. One thread is enough for one identity, and
 * ends when its key is made. Ten seconds are far above any RSA key, and far below the time in which Envoy gives up.
 */
const RSA_POOL = { threads: { min: 0, max: 1 }, idleTimeoutMs: 1000, maxQueue: 64, taskTimeoutMs: 10_000 };

/**
 * Far above the issues that are under way at once, which is what makes the rest wait. RSA keys of 150 ms each queue for
 * a while.
 */
const NODE_POOL = {
  idleTimeoutMs: 0,
  maxQueue: 512,
  taskTimeoutMs: 60_000,
};

/** Who makes the keys and the proofs: of one workload on the event loop itself, of a node's pods in threads. */
export async function openHotPath(
  served: IssuedWorkloads,
  common: Pick<PooledHotPathOptions, 'kind' | 'logger' | 'metrics'>,
): Promise<HotPath> {
  if (served.kind === 'pods-of-node') {
    const threads = residentThreads();
    return loadPooledHotPath({ ...NODE_POOL, threads: { min: threads, max: threads }, ...common });
  }
  return createLoneHotPath({ ...RSA_POOL, ...common });
}
