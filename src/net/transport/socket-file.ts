import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, chown, lstat, mkdtemp, open, rename, rmdir, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { IdentityError } from '../../errors/index.js';
import {
  isListenedOn,
  MAX_SOCKET_PATH_BYTES,
  makeDirectory,
  pathError,
  systemReason,
} from '../../system/small-files/index.js';
import { Field, type Logger } from '../../telemetry/index.js';
import { directoriesUpwards, foreignWriter } from './socket-directory.js';

/** The parent of a socket that we make ourselves: our group may reach the socket, no other user. */
const PARENT_MODE = 0o750;

/** Leaves the user as it is. (chown(2): -1) */
const KEPT_OWNER = 2 ** 32 - 1;

/**
 * Names a file without opening it, which a socket does not allow. Node has no name for it. (open(2);
 * asm-generic/fcntl.h)
 */
const O_PATH = 0o10000000;

/** What the socket is called in its private directory where that has its own path alone: that must stay short. */
const PRIVATE_NAME = 's';

/** What a stat tells of a file, for telling it from another at the same path. */
export interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

export function isSameFile(one: FileIdentity, other: FileIdentity): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

export interface ClaimOptions {
  /** A socket that another process serves may be replaced. */
  readonly takesOver?: boolean;
  /** A directory in which others may replace the socket is refused. */
  readonly isPrivate?: boolean;
  /** A directory that is missing is not made. */
  readonly isLookedAfter?: boolean;
}

/**
 * Makes sure that a socket may be put at `path`: creates the parent directory, refuses what must not be replaced.
 * @returns who else may put another socket in its place, if others may: worth a warning.
 * @throws IdentityError `ERR_SOCKET_INVALID`: the path is too long, its directory cannot be used, or something that is
 *   no socket is there; `ERR_SOCKET_IN_USE`: another process serves it.
 */
export async function claimSocketPath(path: string, options: ClaimOptions = {}): Promise<string | undefined> {
  const { takesOver = false, isPrivate = false, isLookedAfter = false } = options;
  checkLength(path);
  const openTo = await whoMayReplace(dirname(path), !isLookedAfter);
  if (isPrivate && openTo !== undefined) {
    throw invalid(
      path,
      `got a directory in which others may replace it, expected one that only we may write to: ${openTo}`,
    );
  }
  const existing = await lstat(path).catch(ifMissing);
  if (existing === undefined) return openTo;
  if (!existing.isSocket()) throw invalid(path, `got ${kindOf(existing)}, expected a socket or nothing`);
  if (!takesOver && (await answers(path))) {
    throw new IdentityError('ERR_SOCKET_IN_USE', `socket ${path}: another process answers on it`);
  }
  return openTo;
}

interface PublishedAccess extends Pick<ClaimOptions, 'isLookedAfter'> {
  readonly mode: number;
  readonly group?: number | undefined;
}

/**
 * Runs `bind` with a path inside a fresh private directory (0700) beside `path`, whose parent is made where it is
 * missing; gives the new socket its final group and mode there, and only then renames it into place: at no time can it
 * be reached with wrong permissions.
 *
 * Others may write to the parent, as the containers of a pod do that share a volume. So the directory and the socket
 * are opened once and named by their descriptors from then on: a link that is put in their place leads nowhere.
 * @returns what the file is known by from now on.
 * @throws IdentityError `ERR_SOCKET_INVALID`: the system does not let us give it to that group, or something else was
 *   put in its place.
 */
export async function publishSocket(
  path: string,
  { mode, group, isLookedAfter = false }: PublishedAccess,
  bind: (temporaryPath: string) => Promise<void>,
): Promise<FileIdentity> {
  if (!isLookedAfter) await makeDirectory(dirname(path), PARENT_MODE);
  // Not by join, which would take the dot away and put the directory beside the parent.
  const privateDirectory = await mkdtemp(`${dirname(path)}/.`);
  try {
    const directory = await openPinned(privateDirectory, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    // Node.js removes what it has bound by its path when it closes: that must never be a file of another directory
    // which has the descriptor by then.
    const temporaryPath = `${directory.path}/${directory.isPinned ? randomUUID() : PRIVATE_NAME}`;
    try {
      await bind(temporaryPath);
      const identity = await giveAccess(temporaryPath, path, { mode, group });
      await rename(temporaryPath, path);
      return identity;
    } finally {
      await unlink(temporaryPath).catch(ignore);
      await directory.close();
    }
  } finally {
    // With what others have put there it is left: to remove that would be to follow their links.
    await rmdir(privateDirectory).catch(ignore);
  }
}

/** Gives the socket its group and mode; what is there must be the socket, and stays the one that is changed. */
async function giveAccess(
  temporaryPath: string,
  path: string,
  { mode, group }: Pick<PublishedAccess, 'mode' | 'group'>,
): Promise<FileIdentity> {
  const socket = await openPinned(temporaryPath, O_PATH | constants.O_NOFOLLOW);
  try {
    const state = await socket.state();
    if (!state.isSocket()) throw invalid(path, `got ${kindOf(state)}, expected the socket that was just made`);
    if (group !== undefined) await giveTo(socket.path, path, group);
    await chmod(socket.path, mode);
    return { dev: state.dev, ino: state.ino };
  } finally {
    await socket.close();
  }
}

/** Before the mode is set: a change of the owner may take bits of it away. (chown(2)) */
async function giveTo(pinnedPath: string, path: string, group: number): Promise<void> {
  try {
    await chown(pinnedPath, KEPT_OWNER, group);
  } catch (error) {
    throw invalid(
      path,
      `got ${systemReason(error)} for group ${group}, expected a group that this process is a member of`,
    );
  }
}

/**
 * A file or a directory under a short path that leads to it whatever has become of its name; under its own path where
 * there is no /proc to lead there. Its opener closes it.
 */
async function openPinned(path: string, flags: number) {
  const asNamed = { path, isPinned: false, state: () => lstat(path), close: async () => {} };
  // Elsewhere there is no such path, and no such descriptor.
  if (process.platform !== 'linux') return asNamed;
  const handle = await open(path, flags);
  // (proc_pid_fd(5))
  const pinnedPath = `/proc/self/fd/${handle.fd}`;
  const isThere = await lstat(pinnedPath).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    await handle.close();
    return asNamed;
  }
  return { path: pinnedPath, isPinned: true, state: () => handle.stat(), close: () => handle.close() };
}

/** What cannot be removed is left: it does no harm. */
function ignore(): void {}

/**
 * Removes the socket at `path` if it is still the file `ours`, and not another one that was put there since. Where it
 * cannot be removed it is left: a stale one does no harm.
 */
export async function removeSocket(path: string, ours: FileIdentity, logger: Logger): Promise<void> {
  try {
    const now = await lstat(path).catch(ifMissing);
    if (now === undefined || !isSameFile(now, ours)) return;
    await unlink(path).catch(ifMissing);
  } catch (error) {
    logger.warn('socket could not be removed', { [Field.path]: path, [Field.error]: systemReason(error) });
  }
}

function checkLength(path: string): void {
  const needed = Buffer.byteLength(path);
  if (path === '' || path.includes('\0')) throw invalid(path, 'got no usable path, expected a file path');
  if (needed > MAX_SOCKET_PATH_BYTES) {
    throw invalid(
      path,
      `got a path that needs ${needed} bytes, expected at most ${MAX_SOCKET_PATH_BYTES} (use a shorter directory)`,
    );
  }
}

/**
 * Makes the directory where it is missing. Others may write to every emptyDir that the kubelet makes (0777), and there
 * only the containers of the pod that mount it can reach it.
 */
async function whoMayReplace(directory: string, makesIt: boolean): Promise<string | undefined> {
  try {
    if (makesIt) await makeDirectory(directory, PARENT_MODE);
    return foreignWriter(await directoriesUpwards(directory), process.geteuid?.() ?? 0);
  } catch (cause) {
    throw pathError('ERR_SOCKET_INVALID', `socket directory ${directory}`, cause, 'one that can be made or used');
  }
}

/** Whether a process listens: also when its backlog is full. */
function answers(path: string): Promise<boolean> {
  return isListenedOn(path).catch((error: NodeJS.ErrnoException) => {
    throw invalid(path, `cannot tell whether it is in use (${error.code})`, error);
  });
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

function kindOf(file: { isSymbolicLink(): boolean; isDirectory(): boolean; isFile(): boolean }): string {
  if (file.isSymbolicLink()) return 'a symbolic link';
  if (file.isDirectory()) return 'a directory';
  return file.isFile() ? 'a regular file' : 'a special file';
}

function invalid(path: string, problem: string, cause?: unknown): IdentityError {
  return new IdentityError('ERR_SOCKET_INVALID', `socket ${path}: ${problem}`, { cause });
}
