import { stat } from 'node:fs/promises';

/**
 * After which files are to be read again whose state is the same: for clocks of file systems that are too coarse, and
 * caches of networks. Both are done within a minute, and the kubelet takes a minute itself.
 */
const REREAD_MS = 60_000;

/**
 * Files that may become others under us. The one place that says whether one has: by device, inode, size and times of
 * what is at the end of each path, whatever links, mounts and renames lie on the way, and whether anything is there. To
 * look costs a `stat` a file.
 */
export class ChangingFiles {
  private known: readonly string[] | undefined;
  private changedAtMs = Number.NaN;

  constructor(private readonly paths: readonly string[]) {}

  /**
   * Whether one of them is in another state than at the last call; true at the first, and after {@link forget}. Read
   * them after the call: what changes while they are read is found by the next one.
   *
   * With the time (`nowMs`, epoch milliseconds) it is also true when it has not been for a minute: the last net, for a
   * caller that compares contents.
   */
  async haveChanged(nowMs = Number.NaN): Promise<boolean> {
    const { known } = this;
    const states = await Promise.all(this.paths.map(stateOf));
    this.known = states;
    const isOther = known === undefined || states.some((state, index) => state !== known[index]);
    // The distance, not the order: a clock that was set back must not keep us from looking.
    const isDue = Math.abs(nowMs - this.changedAtMs) >= REREAD_MS;
    if (!isOther && !isDue) return false;
    if (!Number.isNaN(nowMs)) this.changedAtMs = nowMs;
    return true;
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
