import { readFileSync } from 'node:fs';
import { BIN_MS, cpuOf } from './cpu-bins.js';
import type { ProcessFigures } from './monitor.js';

/** What of {@link ProcessFigures} can be seen from outside of a process. */
export type OutsideFigures = Pick<ProcessFigures, 'cpuMs' | 'burstCpuMs' | 'rssMb'>;

/**
 * Clock ticks that the kernel counts CPU time in; the same on every Linux that Node.js runs on. (sysconf(3):
 * _SC_CLK_TCK)
 */
const TICKS_PER_SECOND = 100;

/**
 * The CPU time that a process has had, of all its threads and of those that have ended, too. (proc_pid_stat(5): utime
 * and stime, after the name, which may hold anything)
 */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

/** Measures a process that is not ours, as `monitor.ts` does from within. */
export class ProcessMeter {
  readonly #timer: NodeJS.Timeout;
  #bins: number[] = [];
  #lastCpuMs: number;

  constructor(private readonly pid: number) {
    this.#lastCpuMs = cpuMsOf(this.pid);
    this.#timer = setInterval(() => this.#count(), BIN_MS);
  }

  reset(): void {
    this.#count();
    this.#bins = [];
  }

  async figures(): Promise<OutsideFigures> {
    this.#count();
    return { ...cpuOf(this.#bins), rssMb: this.#rssMb() };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #count(): void {
    const cpuMs = cpuMsOf(this.pid);
    this.#bins.push(cpuMs - this.#lastCpuMs);
    this.#lastCpuMs = cpuMs;
  }

  #rssMb(): number {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'latin1')) ?? [];
    return Number(kilobytes) / 1024;
  }
}
