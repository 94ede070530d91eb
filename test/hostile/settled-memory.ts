import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** V8 collects an idle heap some seconds after the last work; far more than it takes on a machine that has no time. */
const SETTLING_MS = 60_000;

/** Between two readings. */
const PERIOD_MS = 100;

/** The resident memory of a process, in MB. (proc_pid_status(5)) */
export function rssMbOf(pid: number): number {
  return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/**
 * What a process keeps, in MB: the smallest of several readings, up to the first one below `limitMb`. One reading says
 * little, for garbage stays until V8 collects it; what leaks is in all of them, to the last.
 */
export async function settledRssMb(pid: number, limitMb: number): Promise<number> {
  const endMs = performance.now() + SETTLING_MS;
  let leastMb = rssMbOf(pid);
  while (leastMb >= limitMb && performance.now() < endMs) {
    await delay(PERIOD_MS);
    leastMb = Math.min(leastMb, rssMbOf(pid));
  }
  return leastMb;
}
