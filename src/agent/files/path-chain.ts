import { lstat, readlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/** One directory on the way to a file, and the name in it that the way goes on by. */
export interface PathStep {
  readonly directory: string;
  /** What tells the directory from another one at the same path. */
  readonly state: string;
  readonly name: string;
}

/** How a path is resolved now. */
export interface PathChain {
  /** From the root of the file system on; every path in them is free of links. */
  readonly steps: readonly PathStep[];
  /** What is at the end; `undefined` when nothing is, or when it cannot be seen. */
  readonly end: { readonly path: string; readonly state: string } | undefined;
}

/** Linux follows 40 links, and refuses a path with more. (path_resolution(7)) */
const MAX_LINKS = 40;

/**
 * Follows a path as the kernel does, through all links, and names every directory in which a change can make it lead
 * elsewhere. A path that ends early has the directories as far as they are there. Never rejects.
 */
export async function chainOf(path: string): Promise<PathChain> {
  const steps: PathStep[] = [];
  let current = { path: '/', state: await stateOf('/') };
  let names = namesOf(resolve(path));
  let links = 0;
  while (names.length > 0) {
    const [name = '', ...others] = names;
    names = others;
    if (name === '..') {
      const above = dirname(current.path);
      current = { path: above, state: await stateOf(above) };
      continue;
    }
    steps.push({ directory: current.path, state: current.state, name });
    const next = join(current.path, name);
    const found = await lstat(next, { bigint: true }).catch(() => undefined);
    if (found === undefined) return { steps, end: undefined };
    if (!found.isSymbolicLink()) {
      current = { path: next, state: `${found.dev} ${found.ino}` };
      continue;
    }
    const target = await readlink(next).catch(() => undefined);
    links += 1;
    if (target === undefined || links > MAX_LINKS) return { steps, end: undefined };
    if (target.startsWith('/')) current = { path: '/', state: await stateOf('/') };
    names = [...namesOf(target), ...others];
  }
  return { steps, end: current };
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

async function stateOf(path: string): Promise<string> {
  const found = await lstat(path, { bigint: true }).catch(() => undefined);
  return found === undefined ? '' : `${found.dev} ${found.ino}`;
}
