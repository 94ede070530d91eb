import { open, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { isListenedOn, MAX_SOCKET_PATH_BYTES } from './socket-probe.js';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** To learn that a process is there takes no time; a machine without memory must not hold up the answer for ever. */
const ASK_MS = 5000;

/** A socket file that its process listens on. When that ends, however it ends, the kernel says so. */
export interface ProcessMark {
  /**
   * Of the running system and, behind a colon, the number that the file system of the mark has there, for
   * {@link lifeOfProcess}.
   */
  readonly bootId: string;
  /** Whether its file is there. */
  isThere(): Promise<boolean>;
  /** Never rejects: what cannot be removed tells that the process has ended. Safe to call twice. */
  remove(): Promise<void>;
}

/**
 * Marks `path`, a name that no other process has, as one of this process. `undefined` where that is not possible: on a
 * file system without sockets, or a system without `/proc`. The process may end with it.
 */
export async function markProcess(path: string): Promise<ProcessMark | undefined> {
  const bootId = await bootIdAt(path);
  if (bootId === undefined) return undefined;
  // A connection is the whole answer.
  const server = createServer((socket) => socket.destroy());
  try {
    await atShortPath(path, (short) => listening(server, short));
  } catch {
    return undefined;
  }
  server.unref();
  return {
    bootId,
    isThere: () =>
      stat(path).then(
        (file) => file.isSocket(),
        () => false,
      ),
    async remove() {
      server.close();
      await rm(path, { force: true }).catch(() => {});
    },
  };
}

/** Of a process that has marked a path: `unknown` for one of another machine or mount, or that may not be asked. */
export type ProcessLife = 'runs' | 'ended' | 'unknown';

/** Whether the process that has marked `path`, with this id, runs still. Never rejects. */
export async function lifeOfProcess(path: string, bootId: string): Promise<ProcessLife> {
  if (bootId === '' || bootId !== (await bootIdAt(path))) return 'unknown';
  return atShortPath(path, lifeBehind).catch(() => 'unknown' as const);
}

/** Removes the mark of a process that has ended; a process that is heard keeps its own. */
export async function removeEndedMark(path: string): Promise<void> {
  const life = await atShortPath(path, lifeBehind).catch(() => 'unknown' as const);
  if (life !== 'runs') await rm(path, { force: true });
}

/**
 * A directory that is mounted twice, each time as a file system of its own (FUSE; NFS with `nosharecache`), has two
 * files at one path: who listens on one does not hear who asks at the other.
 */
async function bootIdAt(path: string): Promise<string | undefined> {
  const [text, directory] = await Promise.all([
    readFile(BOOT_ID, 'utf8').catch(() => ''),
    stat(dirname(path)).catch(() => undefined),
  ]);
  return text.trim() === '' || directory === undefined ? undefined : `${text.trim()}:${directory.dev}`;
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // For as long as it listens: an accept that fails, for want of memory or files, ends nothing.
    server.on('error', reject);
    // Who may open the directory may ask, as another user, too.
    server.listen({ path, writableAll: true }, resolve);
  });
}

/** One whose file is gone was removed by its process, or by who has found that it has ended. */
async function lifeBehind(path: string): Promise<ProcessLife> {
  return (await isListenedOn(path, ASK_MS)) ? 'runs' : 'ended';
}

/** Below an open directory, where a path is longer than a socket may have. */
async function atShortPath<T>(path: string, act: (short: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return act(path);
  const directory = await open(dirname(path), 'r');
  try {
    return await act(join('/proc/self/fd', String(directory.fd), basename(path)));
  } finally {
    await directory.close();
  }
}
