import { randomBytes } from 'node:crypto';
import { chown, lstat, mkdir, open, readdir, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { IdentityError } from '../../errors/index.js';
import { pathError, readIfThere, syncDirectory } from '../../system/small-files/index.js';
import { ISTIO_FILES } from './authority-directory.js';
import { takeLock } from './directory-lock.js';
import {
  type AuthorityFileSet,
  KEY_FILE_NAMES,
  RECORD,
  ROTATION_FILE_NAMES,
  type RotationRecord,
  rotationOf,
} from './root-rotation.js';

/**
 * A CA directory of which all files change at once: they are links to the files of a set, by way of one link that is
 * exchanged, as the kubelet does it with volumes. A reader, and a power cut, meet the set before or the one after.
 */
const SETS = '.sets';
const ACTIVE = '.active';
const LOCK = '.rotation-lock';

const MAX_FILE_BYTES = 1024 * 1024;

/** What must be there before a root can be changed. */
const WANTED = Object.values(ISTIO_FILES);

/**
 * Changes the files of a CA directory by `change`, all at once, or not at all. The directory becomes one of links with
 * the first change. `check` gets the directory of the files as they would be, and rejects if they are no authority.
 * @throws IdentityError `ERR_SIGNER_INVALID`: it has no authority in the layout of Istio, or cannot be written;
 *   `ERR_ROTATION_REFUSED`: another command is at work on it; what `change` and `check` throw.
 */
export async function changeAuthoritySet(
  directory: string,
  change: (files: AuthorityFileSet) => Promise<AuthorityFileSet>,
  check: (directory: string) => Promise<void>,
): Promise<AuthorityFileSet> {
  try {
    const giveBack = await takeLock(
      join(directory, LOCK),
      `another sidecert root is at work on ${directory}, or was killed on another machine, or before this machine started: try again in a minute`,
    );
    try {
      const before = await readAuthoritySet(directory);
      const after = await change(before);
      const owner = await stat(join(directory, ISTIO_FILES.caKey));
      await becomeLinks(directory, before, owner);
      const set = await writeSet(directory, after, owner);
      await check(join(directory, SETS, set));
      await point(directory, set);
      await removeOthers(directory);
      return after;
    } finally {
      await giveBack();
    }
  } catch (error) {
    throw pathError('ERR_SIGNER_INVALID', `CA directory ${directory}`, error, 'one that this user can write to');
  }
}

/**
 * The files of a CA directory as they are now. Who asks wipes the keys.
 * @throws IdentityError `ERR_SIGNER_INVALID`.
 */
export async function readAuthoritySet(directory: string): Promise<AuthorityFileSet> {
  const active = await activeSet(directory);
  const place = active === undefined ? directory : join(directory, SETS, active);
  const files = new Map<string, Buffer>();
  for (const name of active === undefined ? WANTED : ROTATION_FILE_NAMES) {
    const path = join(place, name);
    const file = await readIfThere(path, { what: path, code: 'ERR_SIGNER_INVALID', maxBytes: MAX_FILE_BYTES });
    if (file !== undefined) files.set(name, file.content);
  }
  const missing = WANTED.filter((name) => !files.has(name));
  if (missing.length === 0) return files;
  wipeKeys(files);
  const expected = `an authority in the files ${WANTED.join(', ')}`;
  const isKeyAlone = missing.length === 1 && missing[0] === ISTIO_FILES.caKey;
  throw new IdentityError(
    'ERR_SIGNER_INVALID',
    `CA directory ${directory}: ${missing.join(', ')} missing, expected ${expected}${isKeyAlone ? KEY_ELSEWHERE : ''}`,
  );
}

/**
 * The same where the root was changed, or is; else no files: none but the authority in use are there, in whatever
 * layout. Who asks wipes the keys.
 * @throws IdentityError `ERR_SIGNER_INVALID`.
 */
export async function readActiveSet(directory: string): Promise<AuthorityFileSet> {
  return (await activeSet(directory)) === undefined ? new Map() : readAuthoritySet(directory);
}

const KEY_ELSEWHERE = '; the root of a key in a token (--ca-key) is changed by its certificates, by hand';

/** Where the change of the root of a CA directory stands, without its keys; `undefined` when nothing readable tells. */
export async function readRotation(directory: string): Promise<RotationRecord | undefined> {
  try {
    const path = join(directory, ACTIVE, RECORD);
    const file = await readIfThere(path, { what: path, code: 'ERR_SIGNER_INVALID', maxBytes: MAX_FILE_BYTES });
    return file && rotationOf(new Map([[RECORD, file.content]]));
  } catch {
    // Nothing is signed by it, and `sidecert root status` says what is wrong with it.
    return undefined;
  }
}

export function wipeKeys(files: AuthorityFileSet): void {
  for (const [name, content] of files) if (KEY_FILE_NAMES.has(name)) content.fill(0);
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

async function activeSet(directory: string): Promise<string | undefined> {
  const target = await readlink(join(directory, ACTIVE)).catch(() => undefined);
  return target?.startsWith(`${SETS}/`) ? target.slice(SETS.length + 1) : undefined;
}

/** Each file is exchanged for a link to the same content, so that every moment of this is a whole authority. */
async function becomeLinks(directory: string, files: AuthorityFileSet, owner: Owner): Promise<void> {
  if ((await activeSet(directory)) === undefined) await point(directory, await writeSet(directory, files, owner));
  for (const name of WANTED) {
    // Of a first change that was cut off some may be files still, of the same content.
    if ((await lstat(join(directory, name))).isSymbolicLink()) continue;
    const temporary = join(directory, `.${name}-${randomBytes(4).toString('hex')}`);
    await symlink(join(ACTIVE, name), temporary);
    await rename(temporary, join(directory, name));
  }
  await syncDirectory(directory);
}

/** On the disk, before anything points to it. */
async function writeSet(directory: string, files: AuthorityFileSet, owner: Owner): Promise<string> {
  const name = `${Date.now()}-${randomBytes(4).toString('hex')}`;
  const sets = join(directory, SETS);
  await mkdir(sets, { recursive: true, mode: 0o700 });
  await give(sets, owner);
  const place = join(sets, name);
  await mkdir(place, { mode: 0o700 });
  await give(place, owner);
  for (const [file, content] of files) {
    const path = join(place, file);
    const handle = await open(path, 'wx', KEY_FILE_NAMES.has(file) ? 0o600 : 0o644);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await give(path, owner);
  }
  await syncDirectory(place);
  await syncDirectory(sets);
  return name;
}

async function point(directory: string, set: string): Promise<void> {
  const temporary = join(directory, `${ACTIVE}-${randomBytes(4).toString('hex')}`);
  await symlink(join(SETS, set), temporary);
  await rename(temporary, join(directory, ACTIVE));
  await syncDirectory(directory);
}

/** Keys that are not needed any more are written over first, as far as the file system does that in place. */
async function removeOthers(directory: string): Promise<void> {
  const active = await activeSet(directory);
  for (const name of await readdir(join(directory, SETS))) {
    if (name === active) continue;
    const place = join(directory, SETS, name);
    for (const key of KEY_FILE_NAMES) await overwrite(join(place, key));
    await rm(place, { recursive: true, force: true });
  }
}

async function overwrite(path: string): Promise<void> {
  const handle = await open(path, 'r+').catch(() => undefined);
  if (handle === undefined) return;
  try {
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(size), 0, size, 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Root may do this for a Citadel that runs as another user, who must be able to read the result. */
async function give(path: string, { uid, gid }: Owner): Promise<void> {
  const { uid: ownUid, gid: ownGid } = await lstat(path);
  if (ownUid !== uid || ownGid !== gid) await chown(path, uid, gid);
}
