import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

export interface Outcome {
  /** 127 when the command could not be started, as shells have it; 1 when a signal ended it. */
  readonly code: number;
  /** stdout and stderr together. */
  readonly output: string;
}

/** Runs a command to its end. Its input is closed. */
export async function run(command: string, args: readonly string[], cwd?: string): Promise<Outcome> {
  const child = spawn(command, args, { stdio: 'pipe', ...(cwd !== undefined && { cwd }) });
  child.stdin.on('error', () => {}).end();
  return outcomeOf(child);
}

/** Waits for the end of a command that is running already. */
export function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', (error) => resolve({ code: 127, output: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString('utf8') }));
  });
}

/** Whether `command` can be started and succeeds with `args`. */
export async function works(command: string, ...args: readonly string[]): Promise<boolean> {
  return (await run(command, args)).code === 0;
}

/** The last line that says something: where command-line tools put the reason. */
export function lastLine(output: string): string {
  return output.trimEnd().split('\n').at(-1) ?? '';
}
