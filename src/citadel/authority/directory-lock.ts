import { randomBytes } from 'node:crypto';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { IdentityError } from '../../errors/index.js';
import {
  lifeOfProcess,
  markProcess,
  type ProcessMark,
  removeEndedMark,
  writeNew,
} from '../../system/small-files/index.js';

/** A process of which nothing can be learnt has ended when its lock is so old. */
const EXPIRES_MS = 60_000;

/** What stands beside a lock for so long was left by a process that was killed: taking a lock takes moments. */
const LITTER_MS = 3_600_000;

/** Nothing of it is secret, and a process of another user must learn whose it is. */
const FILE_MODE = 0o644;

const TOKEN = /^[0-9a-f]{16}$/;

/** What stands in the file of a lock. */
interface LockFile {
  /** A name of this hold of it alone. */
  readonly token: string;
  /** As of {@link ProcessMark}; empty when nothing can be learnt of its holder. */
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
 * same holder dead, one has the lock. That file then takes the place of the dead one's at `path`.
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
      if (!(await make(placeAfter(path, ended), { token, bootId: mark?.bootId ?? '' }))) continue;
      if (ended.length > 0 && !(await takeOver(path, ended))) continue;
      await sweep(path, token);
      return () => giveBack(path, token, mark);
    }
  } catch (error) {
    await mark?.remove();
    throw error;
  }
}

/**
 * The tokens of those that have had the lock, the last of which has ended; none when it is free. There are several when
 * one was killed between the two steps of taking it over.
 */
async function endedHolders(path: string): Promise<string[] | 'busy'> {
  const ended: string[] = [];
  for (;;) {
    const held = await read(placeAfter(path, ended));
    if (held === undefined) return ended;
    if (!(await hasEnded(path, held))) return 'busy';
    ended.push(held.token);
  }
}

/** By the file that was made after the last of them. False when another one had taken the lock over meanwhile. */
async function takeOver(path: string, ended: readonly string[]): Promise<boolean> {
  const place = placeAfter(path, ended);
  let isOurs = false;
  try {
    if ((await read(path))?.token === ended[0]) {
      await rename(place, path);
      isOurs = true;
    }
  } finally {
    if (!isOurs) await rm(place, { force: true });
  }
  if (!isOurs) return false;
  // What cannot be removed is left: with another token at `path` it tells of nothing. That of the last was renamed.
  for (const one of ended.slice(0, -1)) await rm(placeAfter(path, [one]), { force: true }).catch(ignore);
  for (const one of ended) await removeEndedMark(socketOf(path, one)).catch(ignore);
  return true;
}

function ignore(): void {}

/** Removes what those have left beside the lock that were killed before they had it. Never rejects. */
async function sweep(path: string, token: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    const [of = '', kind] = name.startsWith(prefix) ? name.slice(prefix.length).split('.') : [];
    if (!TOKEN.test(of) || of === token) continue;
    const place = join(dirname(path), name);
    const { mtimeMs } = await stat(place).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    if (Date.now() - mtimeMs < LITTER_MS) continue;
    await (kind === 'process' ? removeEndedMark(place) : rm(place, { force: true })).catch(ignore);
  }
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
    await writeNew(path, Buffer.from(JSON.stringify(content)), FILE_MODE);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** `undefined` when there is no such file. */
async function read(path: string): Promise<Held | undefined> {
  try {
    const [text, { ino, mtimeMs }] = [await readFile(path, 'utf8').catch(ifDenied), await stat(path)];
    const { token, bootId } = contentOf(text);
    // Of one that is being written, of another user's mask, or of an older version, nothing can be learnt.
    return { token: token || `${ino}-${Math.floor(mtimeMs)}`, bootId, madeAtMs: mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Another user may have made it with a mask that leaves it to that one. */
function ifDenied(error: NodeJS.ErrnoException): string {
  if (error.code === 'EACCES') return '';
  throw error;
}

function contentOf(text: string): LockFile {
  try {
    const { token, bootId } = JSON.parse(text);
    if (TOKEN.test(token)) return { token, bootId: String(bootId) };
  } catch {
    // As one of another form.
  }
  return { token: '', bootId: '' };
}

/** Whether or not its file can be removed: without its mark it is one of a holder that has ended. */
async function giveBack(path: string, token: string, mark: ProcessMark | undefined): Promise<void> {
  try {
    // One that was taken over from us, as from one that has ended, is another's.
    if ((await read(path))?.token === token) await rm(path, { force: true });
  } finally {
    await mark?.remove();
  }
}
