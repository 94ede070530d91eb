import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { askUnix } from '../../test/support/unix-http.js';
import { Written } from '../../test/support/written.js';
import { cpuMsOf } from '../load/process-meter.js';

/** Between two looks at memory and CPU time. */
const SAMPLE_MS = 250;

const READY_MS = 60_000;

export interface EpochsOptions {
  readonly envoyPath: string;
  readonly configFile: string;
  /** Its admin socket, in each epoch the same. */
  readonly admin: string;
  /** How long an old process lets its connections end, and when it ends itself. */
  readonly drainSeconds: number;
  readonly parentShutdownSeconds: number;
}

/** What all processes of one Envoy have taken together. */
export interface EnvoyFigures {
  readonly cpuMs: number;
  /** At one moment, what is shared between them counted once. */
  readonly peakMb: number;
}

/** An Envoy that can be started again on top of itself. (Envoy: "Hot restart") */
export class EnvoyEpochs {
  readonly #baseId = Math.floor(Math.random() * 30_000) + 100;
  readonly #running = new Set<ChildProcess>();
  readonly #cpuMs = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;
  #epoch = -1;
  #peakKb = 0;

  constructor(private readonly options: EpochsOptions) {
    this.#timer = setInterval(() => this.#look(), SAMPLE_MS);
  }

  /** Starts the next epoch; resolves when its listeners serve. @throws Error with its log when it ends before. */
  async startNext(): Promise<void> {
    this.#epoch += 1;
    const { configFile, drainSeconds, parentShutdownSeconds } = this.options;
    const flags = Object.entries({
      ...{ '-c': configFile, '--base-id': this.#baseId, '--restart-epoch': this.#epoch, '--concurrency': 1 },
      ...{ '--drain-time-s': drainSeconds, '--parent-shutdown-time-s': parentShutdownSeconds, '-l': 'error' },
    }).flatMap(([name, value]) => [name, `${value}`]);
    const child = spawn(this.options.envoyPath, flags, { stdio: ['ignore', 'ignore', 'pipe'] });
    await once(child, 'spawn');
    const log = new Written(child.stderr, `epoch ${this.#epoch} of Envoy`);
    this.#running.add(child);
    child.on('exit', () => this.#running.delete(child));
    const deadline = performance.now() + READY_MS;
    while (!(await this.#serves(this.#epoch))) {
      const isLate = performance.now() > deadline;
      if (isLate || !this.#running.has(child)) throw log.failure('it does not serve');
      await sleep(SAMPLE_MS / 5);
    }
  }

  /** A counter by its whole name; 0 while there is none. */
  async stat(name: string): Promise<number> {
    const { body } = await askUnix(this.options.admin, `/stats?filter=^${name}$`);
    return Number(/: (\d+)/.exec(body)?.[1] ?? 0);
  }

  figures(): EnvoyFigures {
    this.#look();
    const cpuMs = [...this.#cpuMs.values()].reduce((sum, one) => sum + one, 0);
    return { cpuMs, peakMb: this.#peakKb / 1024 };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(
      [...this.#running].map(async (child) => {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }),
    );
  }

  async #serves(epoch: number): Promise<boolean> {
    try {
      const { body } = await askUnix(this.options.admin, '/server_info');
      const { state, command_line_options: options } = JSON.parse(body);
      return state === 'LIVE' && Number(options.restart_epoch) === epoch;
    } catch {
      return false;
    }
  }

  #look(): void {
    let kb = 0;
    for (const { pid = 0 } of this.#running) {
      try {
        this.#cpuMs.set(pid, cpuMsOf(pid));
        kb += Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0);
      } catch {
        // It has ended between two looks.
      }
    }
    this.#peakKb = Math.max(this.#peakKb, kb);
  }
}
