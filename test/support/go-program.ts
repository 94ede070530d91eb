import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** build/test/support/ → the project. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** What go says when it is the network that failed, and not the program that is wrong. */
const NOT_TO_BE_HAD = /dial tcp|no such host|connection refused|i\/o timeout|403 Forbidden|404 Not Found|proxyconnect/;

/** A program in Go of ours, and where it is when it is compiled. */
export interface GoProgram {
  readonly file: string;
  /** Why it could not be compiled here; false when it is there. */
  readonly missing: string | false;
}

/**
 * Compiles the Go program in `source`, a folder of the project; its modules come once, by the content that go.sum
 * names.
 */
export function buildGoProgram(name: string, source: string): GoProgram {
  const file = join(ROOT, '.cache', name);
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  try {
    execFileSync('go', ['build', '-o', file, '.'], {
      cwd: join(ROOT, source),
      stdio: 'pipe',
      env: { ...process.env, GOTOOLCHAIN: 'local' },
    });
    return { file, missing: false };
  } catch (error) {
    return { file, missing: whyNot(name, error) };
  }
}

/** @throws `error` when it is the program that is wrong. */
function whyNot(name: string, error: unknown): string {
  const { code, stderr } = Object(error);
  if (code === 'ENOENT') return 'no go on this machine';
  const said = String(stderr);
  if (NOT_TO_BE_HAD.test(said)) return `the modules of ${name} are not to be had: ${said.split('\n')[0]}`;
  if (/requires go >= /.test(said)) return `the go of this machine is too old: ${said.split('\n')[0]}`;
  throw error;
}
