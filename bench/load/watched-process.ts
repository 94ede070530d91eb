import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ProcessFigures } from './monitor.js';

const MONITOR = new URL('./monitor.js', import.meta.url).href;
const PROGRAM = fileURLToPath(new URL('../../../dist/sidecert.js', import.meta.url));

/** Our environment, less what a test runner or a debugger puts into every Node: it costs time and memory. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS, ...env } = process.env;
  return env;
}

/** A `sidecert` of what ships, in a process of its own that tells how it fares. */
export class WatchedProcess {
  readonly #child: ChildProcess;
  #said = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /**
   * Starts it, without the options that our own Node was given; resolves when it has logged `readyMessage`, with the
   * address that this line names. Rejects with what it said when it ends before.
   */
  static async start(
    args: readonly string[],
    readyMessage: string,
  ): Promise<{ process: WatchedProcess; address: string }> {
    const execArgv = ['--import', MONITOR];
    const env = plainEnvironment();
    const child = fork(PROGRAM, args, { execArgv, env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    const watched = new WatchedProcess(child);
    const { stderr } = child;
    if (stderr === null) throw new Error('a child without stderr');
    const address = await new Promise<string>((resolve, reject) => {
      const lines = createInterface({ input: stderr });
      lines.on('line', (line) => {
        watched.#said += `${line}\n`;
        if (line.includes(`"msg":"${readyMessage}"`)) resolve(/"address":"([^"]+)"/.exec(line)?.[1] ?? '');
      });
      child.once('exit', () => reject(new Error(`sidecert ${args[0]} ended:\n${watched.#said}`)));
    });
    return { process: watched, address };
  }

  /** Forgets what was measured so far. */
  reset(): void {
    this.#child.send('reset');
  }

  /** What was measured since the last {@link reset}. */
  async figures(): Promise<ProcessFigures> {
    const answer = once(this.#child, 'message');
    this.#child.send('read');
    const [figures] = (await answer) as [ProcessFigures];
    return figures;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exit;
  }
}
