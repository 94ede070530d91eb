import { realpathSync } from 'node:fs';
import { Field, type Logger } from '../telemetry/index.js';

/** What its owner may do with a file. */
const OWNER_BITS = 0o700;

/** How often a long-lived command looks for its working directory. */
const CHECK_MS = 30_000;

/**
 * Takes what makes a process fail in odd ways out of its surroundings; to be called before it reads or writes a file. A
 * umask that takes from the owner of a file would lock it out of the directories that it makes; what it takes from
 * others stays.
 */
export function prepareProcess(): void {
  const asStarted = process.umask(0o077);
  process.umask(asStarted & ~OWNER_BITS);
  leaveRemovedDirectory();
}

/**
 * Goes to the root directory when the working directory has been removed, and says whether it had been. Node.js starts
 * no thread without one, and nothing can be found there any more.
 */
function leaveRemovedDirectory(): boolean {
  try {
    // Node.js remembers the answer to `process.cwd()`.
    realpathSync.native('.');
    return false;
  } catch (error) {
    // Not for one that is there and may not be looked at: what is given by relative paths is found in it all the same.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return false;
    process.chdir('/');
    return true;
  }
}

/** Does so again and again for as long as the process lives. */
export function watchWorkingDirectory(logger: Logger): void {
  const look = (): void => {
    if (leaveRemovedDirectory()) logger.warn('working directory was removed', { [Field.path]: process.cwd() });
  };
  setInterval(look, CHECK_MS).unref();
}
