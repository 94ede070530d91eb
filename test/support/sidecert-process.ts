import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import { SIDECERT } from './mesh.js';
import { PATIENCE_MS } from './patience.js';

interface StartOptions {
  /** Program and leading arguments. */
  readonly sidecert?: readonly string[];
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** One process of the program, with all that it has written. */
export class SidecertProcess {
  readonly #child: ChildProcess;
  #out = '';
  #err = '';
  readonly #waiters: (() => void)[] = [];
  #isOver = false;
  /** Its exit code, or the signal that ended it; all output is there by then. */
  readonly ended: Promise<number | NodeJS.Signals>;

  /** Starts it, and kills it with the test. */
  constructor(t: Test, args: readonly string[], { sidecert = SIDECERT, env = {} }: StartOptions = {}) {
    const [command = '', ...leading] = sidecert;
    this.#child = spawn(command, [...leading, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    t.teardown(() => this.#child.kill('SIGKILL'));
    this.#child.stdout?.on('data', (text) => {
      this.#out += text;
      this.#notify();
    });
    this.#child.stderr?.on('data', (text) => {
      this.#err += text;
      this.#notify();
    });
    this.ended = once(this.#child, 'close').then(([code, signal]) => {
      this.#isOver = true;
      this.#notify();
      return (code ?? signal) as number | NodeJS.Signals;
    });
  }

  /** As the system knows it. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get out(): string {
    return this.#out;
  }

  get err(): string {
    return this.#err;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ceases to read what it writes: its next write breaks. */
  hangUp(stream: 'stdout' | 'stderr'): void {
    this.#child[stream]?.destroy();
  }

  /** What every user of the machine may see of it, and what its own user may: command line and environment. */
  osView(): string {
    const { pid } = this.#child;
    return ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1')).join('\n');
  }

  /**
   * Resolves when it has written `text` to stderr; with `since`, a former length of {@link err}, only what came after
   * that counts. @throws Error when it ends before, or takes far too long.
   */
  async says(text: string, since = 0): Promise<void> {
    await this.#until(`say ${text}`, () => this.#err.includes(text, since));
  }

  /** The same of stdout. */
  async prints(text: string): Promise<void> {
    await this.#until(`print ${text}`, () => this.#out.includes(text));
  }

  async #until(what: string, isDone: () => boolean): Promise<void> {
    const limit = AbortSignal.timeout(PATIENCE_MS);
    while (!isDone()) {
      if (this.#isOver || limit.aborted) throw new Error(`it did not ${what}, but:\n${this.#out}\n${this.#err}`);
      await new Promise<void>((resolve) => {
        this.#waiters.push(resolve);
        limit.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  #notify(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}

/** Runs the program to its end. */
export async function runSidecert(t: Test, args: readonly string[], options: StartOptions = {}) {
  const process = new SidecertProcess(t, args, options);
  const code = await process.ended;
  return { code, out: process.out, err: process.err };
}
