import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Percentiles } from './percentiles.js';

/** The finest that Node.js has. */
const RESOLUTION_MS = 1;

/** How late the turns of the event loop are while `work` runs, in milliseconds. */
export async function delaysDuring(work: () => Promise<void>): Promise<Percentiles> {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  await work();
  // Short work may be over before the second timer, and only two make a sample.
  while (delays.count === 0) await nextTurn();
  delays.disable();
  const [p50, p90, p99] = [50, 90, 99].map((percent) => late(delays.percentile(percent))) as [number, number, number];
  return { p50, p90, p99, max: late(delays.max), count: delays.count };
}

/** The histogram counts from timer to timer, its own period included. */
function late(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
}
