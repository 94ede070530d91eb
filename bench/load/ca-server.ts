import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { cpuMsOf } from './process-meter.js';
import { plainEnvironment } from './watched-process.js';

/** How a CA is started, and how it tells where it listens. */
export interface CaCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The first group is its address; of the first line that matches, of either output. */
  readonly ready: RegExp;
}

/** A CA of any make, in a process of its own that is measured from outside. */
export class CaServer {
  private constructor(
    private readonly child: ChildProcess,
    private readonly pid: number,
    readonly address: string,
  ) {}

  /** Resolves when it listens; rejects with what it said when it ends before. */
  static async start({ file, args, cwd, env, ready }: CaCommand): Promise<CaServer> {
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...plainEnvironment(), ...env },
      ...(cwd !== undefined && { cwd }),
    });
    let said = '';
    const address = await new Promise<string>((resolve, reject) => {
      for (const input of [child.stdout, child.stderr]) {
        createInterface({ input }).on('line', (line) => {
          if (said.length < 10_000) said += `${line}\n`;
          const [, found] = ready.exec(line) ?? [];
          if (found !== undefined) resolve(found);
        });
      }
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`${file} has ended:\n${said}`)));
    });
    if (child.pid === undefined) throw new Error(`${file} does not run`);
    return new CaServer(child, child.pid, address);
  }

  /** CPU time of all threads since it was started. */
  get cpuMs(): number {
    return cpuMsOf(this.pid);
  }

  /** Now, and the most that it was. (proc_pid_status(5)) */
  get rssMb(): { readonly now: number; readonly peak: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, 'latin1');
    const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
    return { now: of('VmRSS'), peak: of('VmHWM') };
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }
}
