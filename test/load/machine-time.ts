import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** /proc/stat counts in hundredths of a second. (proc_stat(5)) */
const MS_PER_TICK = 10;

/** CPU time that the whole machine has spent so far, whoever had it; a hypervisor that took it away, too. */
function busyMs(): number {
  const [, ...ticks] = readFileSync('/proc/stat', 'utf8').split('\n')[0]?.split(/ +/) ?? [];
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = ticks.map(Number);
  return (user + nice + system + irq + softirq + steal) * MS_PER_TICK;
}

/** How much of the machine is not ours while something is measured. */
export class MachineTime {
  readonly #startedAtMs = performance.now();
  readonly #busyAtStartMs = busyMs();

  /** The part of all CPU time since the start that went to others, when we have used `ownMs` of it; 0 to 1. */
  shareOfOthers(ownMs: number): number {
    const allMs = (performance.now() - this.#startedAtMs) * cpus().length;
    return (busyMs() - this.#busyAtStartMs - ownMs) / allMs;
  }
}
