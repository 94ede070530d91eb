import { spawn } from 'node:child_process';

/** How much of a failed command's output is shown: npm says the reason first, Python and esbuild say it last. */
const HEAD_LINES = 8;
const TAIL_LINES = 8;

/** What a user can act on: printed without a stack, and the exit code becomes 1. */
export class SetupError extends Error {}

/**
 * Runs a command to its end and resolves with `{ code, output }`: its exit code (127 when it could not be started) and
 * what it wrote to stdout and stderr together. Its input is `input`, or closed. After `timeoutMs`, if given, it is ended by SIGTERM.
 */
export function run(command, args, { cwd, env = process.env, timeoutMs, input } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      timeout: timeoutMs,
    });
    // One that ends without reading all of it is no failure of ours.
    child.stdin?.on('error', () => {}).end(input);
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => resolve({ code: 127, output: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString('utf8') }));
  });
}

/** The first and the last lines of `output`. */
export function excerpt(output) {
  const lines = output.trimEnd().split('\n');
  if (lines.length <= HEAD_LINES + TAIL_LINES) return lines.join('\n');
  return [...lines.slice(0, HEAD_LINES), '...', ...lines.slice(-TAIL_LINES)].join('\n');
}
