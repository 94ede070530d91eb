import { Guard } from './guard.js';
import { type ProcessSpec, SupervisedProcess } from './supervised-process.js';

export interface SupervisorOptions {
  /** The demo's directory: removed by the guard, should the demo die without a chance to do so. */
  readonly directory: string;
  /** Hears, as one line for people, of each process that died on its own. */
  readonly onDeath: (line: string) => void;
}

/** Starts the demo's processes, restarts those that die, and ends them all. */
export class Supervisor {
  private readonly guard: Guard;
  private readonly processes = new Set<SupervisedProcess>();

  constructor(private readonly options: SupervisorOptions) {
    this.guard = new Guard(options.directory);
  }

  start(spec: ProcessSpec): SupervisedProcess {
    const process = new SupervisedProcess(spec, { guard: this.guard, onDeath: this.options.onDeath });
    this.processes.add(process);
    return process;
  }

  /** Ends everything: SIGTERM, after five seconds SIGKILL. Resolves when nothing is left. Safe to call twice. */
  async close(): Promise<void> {
    await Promise.all([...this.processes].map((process) => process.stop()));
    this.guard.dismiss();
  }
}
