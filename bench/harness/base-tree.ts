import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Another revision of this project, built. */
export interface BaseTree {
  readonly directory: string;
  /** Removes it. */
  close(): void;
}

/**
 * Checks a commit out into a temporary folder and builds it, with the packages that are installed here when its lock
 * file asks for the same ones. @throws Error with what failed to build.
 */
export async function openBase(commit: string): Promise<BaseTree> {
  const parent = mkdtempSync(join(tmpdir(), 'sidecert-base-'));
  const directory = join(parent, 'tree');
  const close = (): void => {
    spawnSync('git', ['worktree', 'remove', '--force', directory]);
    rmSync(parent, { recursive: true, force: true });
  };
  try {
    execFileSync('git', ['worktree', 'add', '--detach', directory, commit], { stdio: 'pipe' });
    build(directory);
    return { directory, close };
  } catch (error) {
    close();
    throw error;
  }
}

function build(directory: string): void {
  const run = (program: string, ...args: string[]): void => {
    execFileSync(program, args, { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] });
  };
  const lockOf = (tree: string): string => readFileSync(join(tree, 'package-lock.json'), 'utf8');
  if (lockOf(directory) === lockOf('.')) symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
  else run('npm', 'ci', '--no-audit', '--no-fund', '--loglevel=error');
  // Older revisions have no addon.
  if (existsSync(join(directory, 'scripts/build-native.mjs'))) run(process.execPath, 'scripts/build-native.mjs');
  run(process.execPath, 'scripts/build.mjs');
}
