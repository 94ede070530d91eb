import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** All benches, in the order in which a reader of the figures wants them: files of bench/, without their ending. */
export const BENCHES: readonly string[] = [
  'prepare',
  'issue',
  'seal',
  'pool',
  'event-loop-delay',
  'codec',
  'broadcast',
  'agent-start',
  'citadel',
  'ca-peers',
  'ca-calls',
  'rotation-ways',
];

/** Those that run only by their name: minutes of a whole mesh, whose answer is told as text. */
export const SCENES: readonly string[] = ['short-lives', 'root-rotation'];

/**
 * Runs a bench as the build in `directory` has it; resolves with its exit code. What it prints is shown unless
 * `isQuiet`.
 */
export async function runBench(
  name: string,
  args: readonly string[],
  { directory = '.', isQuiet = false }: { directory?: string; isQuiet?: boolean } = {},
): Promise<number> {
  const child = spawn(process.execPath, [`build/bench/${name}.js`, ...args], {
    cwd: directory,
    stdio: ['ignore', isQuiet ? 'ignore' : 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}
