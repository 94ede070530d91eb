/**
 * Loaded into a process before its program (`node --import`): tells its parent over the channel of `fork` how late its
 * event loop is, how much CPU time and memory it takes. Costs about 1 % of a core.
 */
import { openSync, readSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { BIN_MS, cpuOf } from './cpu-bins.js';

/** What a process tells of itself since the last `reset`. */
export interface ProcessFigures {
  readonly delayP99Ms: number;
  readonly delayMaxMs: number;
  /** CPU time of the longest turn of the event loop: what it keeps others waiting for, however busy the machine is. */
  readonly turnMaxMs: number;
  /** CPU time of all threads. */
  readonly cpuMs: number;
  /**
   * Of that what is beyond the median tenth of a second: in a phase that is mostly waiting, what the work in it took.
   */
  readonly burstCpuMs: number;
  readonly rssMb: number;
}

/** Of the histogram, which counts from timer to timer, its own period included. */
const RESOLUTION_MS = 5;

const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();
let bins: number[] = [];
let last = process.cpuUsage();
setInterval(() => {
  const { user, system } = process.cpuUsage(last);
  last = process.cpuUsage();
  bins.push((user + system) / 1000);
}, BIN_MS).unref();

/** Milliseconds of CPU time of the main thread. (proc_pid_schedstat(5): the first figure, in ns) */
const schedstat = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
const text = Buffer.alloc(64);
function mainThreadCpuMs(): number {
  const [spent] = text.toString('latin1', 0, readSync(schedstat, text, 0, text.length, 0)).split(' ');
  return Number(spent) / 1e6;
}

let turnMaxMs = 0;
let lastCpuMs = mainThreadCpuMs();
// Between two calls lie the period, in which the loop may have had many turns, and what is left of the turn that it
// ends in.
setInterval(() => {
  const cpuMs = mainThreadCpuMs();
  turnMaxMs = Math.max(turnMaxMs, cpuMs - lastCpuMs - RESOLUTION_MS);
  lastCpuMs = cpuMs;
}, RESOLUTION_MS).unref();

process.on('message', (message) => {
  if (message === 'reset') {
    delays.reset();
    bins = [];
    turnMaxMs = 0;
  } else {
    process.send?.(figures());
  }
});
// Not a reason to stay alive: the program decides when it ends, but not later than who looks at it.
process.channel?.unref();
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));

function figures(): ProcessFigures {
  return {
    delayP99Ms: late(delays.percentile(99)),
    delayMaxMs: late(delays.max),
    turnMaxMs,
    ...cpuOf(bins),
    rssMb: process.memoryUsage.rss() / 1024 / 1024,
  };
}

function late(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
}
