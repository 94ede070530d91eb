import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Guard } from './guard.js';

/** Long enough to be seen, short enough that no user waits. */
const RESTART_DELAY_MS = 500;

/** What a process may take to end after SIGTERM. */
const STOP_LIMIT_MS = 5000;

/** After so many restarts it is not waited for any longer. */
const HOPED_RESTARTS = 4;

/** How much of its output is kept for error messages. */
const TAIL_LINES = 20;

export interface ProcessSpec {
  /** As it stands in messages: `agent of sleep.foo`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Gets all that the process writes to stdout and stderr. */
  readonly logFile: string;
  /** Hears each line of it. */
  readonly onLine?: (line: string) => void;
}

/** One process that is to run until `stop`, in a session of its own so that Ctrl-C reaches only the demo. */
export class SupervisedProcess {
  private readonly log: WriteStream;
  readonly #tail: string[] = [];
  private child: ChildProcess | undefined;
  private restart: NodeJS.Timeout | undefined;
  private stopped: Promise<void> | undefined;
  #restarts = 0;
  readonly #givenUp = new AbortController();

  constructor(
    private readonly spec: ProcessSpec,
    private readonly owner: { readonly guard: Guard; readonly onDeath: (line: string) => void },
  ) {
    this.log = createWriteStream(spec.logFile, { flags: 'a' });
    // A full disk must not end the demo.
    this.log.on('error', () => {});
    this.spawn();
  }

  get name(): string {
    return this.spec.name;
  }

  /** Undefined between a death and the restart. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /**
   * Aborts when it is pointless to wait for it: it has died several times since the start, or is being stopped.
   */
  get givenUp(): AbortSignal {
    return this.#givenUp.signal;
  }

  /** The last lines of its output, for error messages. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  /** Ends it for good: SIGTERM, after five seconds SIGKILL. Resolves when it has gone. Safe to call twice. */
  stop(): Promise<void> {
    this.stopped ??= this.#stop();
    return this.stopped;
  }

  async #stop(): Promise<void> {
    this.#givenUp.abort();
    clearTimeout(this.restart);
    const child = this.child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
      child.kill('SIGTERM');
      await gone;
      clearTimeout(limit);
    }
    this.log.end();
  }

  private spawn(): void {
    const { command, args } = this.spec;
    const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    const { pid } = child;
    if (pid !== undefined) this.owner.guard.watch(pid);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.onLine(line));
    }
    child.once('error', (error) => this.onEnd(error.message));
    child.once('exit', (code, signal) => {
      if (pid !== undefined) this.owner.guard.forget(pid);
      this.onEnd(signal ?? `exit code ${code}`);
    });
  }

  private onLine(line: string): void {
    if (this.log.writable) this.log.write(`${line}\n`);
    this.#tail.push(line);
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
    this.spec.onLine?.(line);
  }

  private onEnd(reason: string): void {
    this.child = undefined;
    if (this.stopped !== undefined) return;
    this.owner.onDeath(`${this.name} died (${reason}); starting it again`);
    this.restart = setTimeout(() => {
      this.#restarts += 1;
      if (this.#restarts >= HOPED_RESTARTS) this.#givenUp.abort();
      this.spawn();
    }, RESTART_DELAY_MS);
  }
}
