import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCodeOf } from '../../errors/index.js';
import { pathError, readIfThere, syncDirectory, writeWhole } from '../../system/small-files/index.js';
import { takeLock } from './directory-lock.js';

/** Where the online intermediates of all replicas are kept, with their keys. */
export interface IntermediateStore {
  /** As messages name it. */
  readonly name: string;
  /** In memory of its own: who asks wipes it. `undefined` when nothing is kept. */
  read(): Promise<Buffer | undefined>;
  /**
   * Keeps what `change` makes of what is kept now, whole or not at all; nothing happens when that is `undefined`.
   * `change` may be asked twice; its result, and what it gets, is wiped.
   */
  change(change: (kept: Buffer | undefined) => Buffer | undefined): Promise<void>;
}

/** Beside the files of the authority, which readers of a CA directory pass over. */
const FILE = 'online-intermediate.pem';
const LOCK = '.online-intermediate-lock';

/** Another Citadel has the lock for as long as a file takes to be written. */
const LOOK_AGAIN_MS = 100;
const MAX_LOOKS = 50;

const FILE_MODE = 0o600;
const MAX_FILE_BYTES = 256 * 1024;

/** In the CA directory: for all processes that have it. */
export function intermediatesInDirectory(directory: string): IntermediateStore {
  const path = join(directory, FILE);
  const read = async (): Promise<Buffer | undefined> =>
    (await readIfThere(path, { what: path, code: 'ERR_SIGNER_INVALID', maxBytes: MAX_FILE_BYTES }))?.content;
  return {
    name: path,
    read,
    async change(change) {
      const lock = join(directory, LOCK);
      try {
        const giveBack = await takeTurn(
          lock,
          `another Citadel is at work on ${path}, or was killed on another machine, or before this machine started: tried again within a minute`,
        );
        try {
          await applied(change, await read(), async (changed) => {
            await writeWhole(path, changed, FILE_MODE);
            await syncDirectory(directory);
          });
        } finally {
          await giveBack();
        }
      } catch (error) {
        throw pathError('ERR_SIGNER_INVALID', path, error, 'a file that this process can write');
      }
    },
  };
}

async function takeTurn(lock: string, busy: string): Promise<() => Promise<void>> {
  for (let look = 1; ; look += 1) {
    try {
      return await takeLock(lock, busy);
    } catch (error) {
      if (errorCodeOf(error) !== 'ERR_ROTATION_REFUSED' || look === MAX_LOOKS) throw error;
      await sleep(LOOK_AGAIN_MS);
    }
  }
}

/** Of an authority that ends with this process. */
export function intermediatesInMemory(): IntermediateStore {
  let kept: Buffer | undefined;
  return {
    name: 'memory',
    read: async () => kept && Buffer.from(kept),
    change: (change) =>
      applied(change, kept && Buffer.from(kept), async (changed) => {
        kept?.fill(0);
        kept = Buffer.from(changed);
      }),
  };
}

/** Wipes what was read and what is written. */
export async function applied(
  change: (kept: Buffer | undefined) => Buffer | undefined,
  kept: Buffer | undefined,
  write: (changed: Buffer) => Promise<void>,
): Promise<void> {
  try {
    const changed = change(kept);
    if (changed === undefined) return;
    try {
      await write(changed);
    } finally {
      changed.fill(0);
    }
  } finally {
    kept?.fill(0);
  }
}
