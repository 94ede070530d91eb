import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Fine enough for delays that matter here, which are milliseconds, and coarse enough to cost nothing. */
const RESOLUTION_MS = 5;

/** Delays of the event loop in one slice of time. */
export interface LoopDelaySlice {
  readonly atMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Records how late the event loop of this process is, slice by slice. */
export class LoopDelay {
  readonly slices: LoopDelaySlice[] = [];
  private readonly histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.histogram.enable();
  }

  /** Ends the current slice. */
  cut(atMs: number): void {
    const { max, count } = this.histogram;
    if (count > 0) this.slices.push({ atMs, p99Ms: late(this.histogram.percentile(99)), maxMs: late(max) });
    this.histogram.reset();
  }

  stop(): void {
    this.histogram.disable();
  }
}

/** The histogram counts from timer to timer, its own period included. */
function late(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
}
