import { open, rm, stat } from 'node:fs/promises';
import { IdentityError } from '../../errors/index.js';

/** A process that was killed leaves its lock behind. */
const EXPIRES_MS = 60_000;

/**
 * Makes the file, which its owner removes: no other process has the lock meanwhile. Whose lock is a minute old is dead.
 * @throws IdentityError `ERR_ROTATION_REFUSED`, with `busy` for its message: another process has it; what the system
 *   says.
 */
export async function takeLock(path: string, busy: string): Promise<void> {
  for (;;) {
    try {
      const handle = await open(path, 'wx', 0o600);
      await handle.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const state = await stat(path).catch(() => undefined);
      if (state !== undefined && Math.abs(Date.now() - state.mtimeMs) < EXPIRES_MS) {
        throw new IdentityError('ERR_ROTATION_REFUSED', busy);
      }
      await rm(path, { force: true });
    }
  }
}
