import { stat } from 'node:fs/promises';

/**
 * Files that may become others under us. The one place that says whether one has: by device, inode, size and times of
 * what is at the end of each path, whatever links, mounts and renames lie on the way, and whether anything is there. To
 * look costs a `stat` a file.
 */
export class ChangingFiles {
  private known: readonly string[] | undefined;

  constructor(private readonly paths: readonly string[]) {}

  /**
   * Whether one of them is in another state than at the last call; true at the first, and after {@link forget}. Read
   * them after the call: what changes while they are read is found by the next one.
   */
  async haveChanged(): Promise<boolean> {
    const { known } = this;
    const states = await Promise.all(this.paths.map(stateOf));
    this.known = states;
    return known === undefined || states.some((state, index) => state !== known[index]);
  }

  /** For a state that could not be read, or was refused: it may have been the moment, and is worth another look. */
  forget(): void {
    this.known = undefined;
  }
}

const MISSING = '';

async function stateOf(path: string): Promise<string> {
  const state = await stat(path, { bigint: true }).catch(() => undefined);
  if (state === undefined) return MISSING;
  const { dev, ino, size, mtimeNs, ctimeNs } = state;
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}
