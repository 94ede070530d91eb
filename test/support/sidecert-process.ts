import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import { SIDECERT } from './mesh.js';
import { Written } from './written.js';

interface StartOptions {
  /** Program and leading arguments. */
  readonly sidecert?: readonly string[];
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How a process ended, and all that it had written by then. */
interface Whole {
  readonly code: number | NodeJS.Signals;
  readonly out: string;
  readonly err: string;
}

/**
 * One process of the program. While it runs, what it writes can be waited for and not be read: its last lines may still
 * be in the pipe when it has answered a call ({@link Written}).
 */
export class SidecertProcess {
  readonly #child: ChildProcess;
  readonly #out: Written;
  readonly #err: Written;
  /** Its exit code, or the signal that ended it; all output is there by then. */
  readonly ended: Promise<number | NodeJS.Signals>;

  /** Starts it, and kills it with the test. */
  constructor(t: Test, args: readonly string[], { sidecert = SIDECERT, env = {} }: StartOptions = {}) {
    const [command = '', ...leading] = sidecert;
    const child = spawn(command, [...leading, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    t.teardown(() => child.kill('SIGKILL'));
    this.#out = new Written(child.stdout, `${args[0]}, stdout`);
    this.#err = new Written(child.stderr, `${args[0]}, stderr`);
    this.ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  }

  /** As the system knows it. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when it has ended. */
  async whole(): Promise<Whole> {
    const code = await this.ended;
    return { code, out: await this.#out.whole(), err: await this.#err.whole() };
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

  /** What it writes to stderr: its log. */
  get log(): Written {
    return this.#err;
  }

  /**
   * Resolves with the first whole line of stderr that holds `wanted`, from `since` on, a {@link Written.place} of its
   * log. @throws Error when it ends before, or takes far too long.
   */
  says(wanted: string | RegExp, since = 0): Promise<string> {
    return this.#err.line(wanted, since);
  }

  /** Resolves when it has written `text` to stdout, in a line or over several. */
  prints(text: string): Promise<void> {
    return this.#out.text(text);
  }

  /** Resolves with the address of a Citadel that is ready. */
  async address(): Promise<string> {
    const line = await this.says('"citadel ready"');
    return JSON.parse(line).address;
  }
}

/** Runs the program to its end. */
export function runSidecert(t: Test, args: readonly string[], options: StartOptions = {}): Promise<Whole> {
  return new SidecertProcess(t, args, options).whole();
}
