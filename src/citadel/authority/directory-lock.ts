import { randomBytes } from 'node:crypto';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { IdentityError } from '../../errors/index.js';
import { lifeOfProcess, markProcess, type ProcessMark } from '../../system/small-files/index.js';

/** A process of which nothing can be learnt has ended when its lock is so old. */
const EXPIRES_MS = 60_000;

/** Ended holders, each of which had taken over from the one before: a process that is killed again and again. */
const MAX_ENDED = 100;

/** What stands in the file of a lock. */
interface LockFile {
  /** A name of this hold of it alone. */
  readonly token: string;
  /** Of the system that its holder runs on; empty when that cannot be asked for it. */
  readonly bootId: string;
}

/** One that stands in the way. */
interface Held extends LockFile {
  /** Epoch milliseconds. */
  readonly madeAtMs: number;
}

/**
 * Takes the lock at `path`, until the result is called: no other process has it meanwhile. The lock of a process of
 * this machine is free when that has ended, by the word of the kernel; of any other one when it is a minute old.
 *
 * Who takes it over from an ended holder makes a file of that one's token, which can be made once: of two that find the
 * same holder dead, one has the lock. What is at `path` goes when the lock is given back, before any other file of it.
 * @throws IdentityError `ERR_ROTATION_REFUSED`, with `busy` for its message: another process has it; what the system
 *   says.
 */
export async function takeLock(path: string, busy: string): Promise<() => Promise<void>> {
  const token = randomBytes(8).toString('hex');
  let mark: ProcessMark | undefined;
  try {
    for (;;) {
      const ended = await endedHolders(path);
      if (ended === 'busy') throw new IdentityError('ERR_ROTATION_REFUSED', busy);
      mark ??= await markProcess(socketOf(path, token));
      const place = placeAfter(path, ended);
      if (!(await make(place, { token, bootId: mark?.bootId ?? '' }))) continue;
      if (ended.length === 0 || (await read(path))?.token === ended[0]) return giveBack(path, { token, ended, mark });
      // The one that had taken it over meanwhile has given it back.
      await rm(place, { force: true });
    }
  } catch (error) {
    await mark?.remove();
    throw error;
  }
}

/** The tokens of those that have had the lock, the last of which has ended; none when it is free. */
async function endedHolders(path: string): Promise<string[] | 'busy'> {
  const ended: string[] = [];
  while (ended.length < MAX_ENDED) {
    const held = await read(placeAfter(path, ended));
    if (held === undefined) return ended;
    if (!(await hasEnded(path, held))) return 'busy';
    ended.push(held.token);
  }
  return 'busy';
}

function placeAfter(path: string, ended: readonly string[]): string {
  const last = ended.at(-1);
  return last === undefined ? path : `${path}.${last}`;
}

function socketOf(path: string, token: string): string {
  return `${path}.${token}.process`;
}

async function hasEnded(path: string, { token, bootId, madeAtMs }: Held): Promise<boolean> {
  const life = await lifeOfProcess(socketOf(path, token), bootId);
  // The distance, not the order: a clock may have been set back.
  return life === 'ended' || (life === 'unknown' && Math.abs(Date.now() - madeAtMs) >= EXPIRES_MS);
}

/** False when the file is there. */
async function make(path: string, content: LockFile): Promise<boolean> {
  try {
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(JSON.stringify(content));
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** `undefined` when there is no such file. */
async function read(path: string): Promise<Held | undefined> {
  try {
    const [text, { ino, mtimeMs }] = [await readFile(path, 'utf8'), await stat(path)];
    const { token, bootId } = contentOf(text);
    // Of one that is being written, or of an older version, nothing can be learnt.
    return { token: token || `${ino}-${Math.floor(mtimeMs)}`, bootId, madeAtMs: mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function contentOf(text: string): LockFile {
  try {
    const { token, bootId } = JSON.parse(text);
    if (/^[0-9a-f]{16}$/.test(token)) return { token, bootId: String(bootId) };
  } catch {
    // As one of another form.
  }
  return { token: '', bootId: '' };
}

/** What was taken over goes as well, the first of it first: who has read that knows then that it is too late. */
function giveBack(
  path: string,
  { token, ended, mark }: { token: string; ended: readonly string[]; mark: ProcessMark | undefined },
): () => Promise<void> {
  return async () => {
    const all = [...ended, token];
    for (const at of all.keys()) await rm(placeAfter(path, all.slice(0, at)), { force: true });
    for (const one of ended) await rm(socketOf(path, one), { force: true });
    await mark?.remove();
  };
}
