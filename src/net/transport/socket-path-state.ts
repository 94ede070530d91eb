import { lstat } from 'node:fs/promises';
import { type FileIdentity, isSameFile } from './socket-file.js';

/** What is at the path of a socket. */
export type SeenAtPath =
  | { readonly kind: 'nothing' }
  | {
      readonly kind: 'file';
      readonly dev: number;
      readonly ino: number;
      readonly uid: number;
      readonly isSocket: boolean;
    };

/** What that means: a socket of our own user, or of root, is that of an agent that has taken over. */
export type PathState = 'ours' | 'missing' | 'replaced' | 'taken_over';

/**
 * Says what has become of our socket. Its inode cannot have been given to another file: we listen on it, so the kernel
 * keeps it.
 */
export function judgePath(seen: SeenAtPath, ours: FileIdentity, ownUid: number): PathState {
  if (seen.kind === 'nothing') return 'missing';
  if (isSameFile(seen, ours)) return 'ours';
  return seen.isSocket && (seen.uid === ownUid || seen.uid === 0) ? 'taken_over' : 'replaced';
}

/** Looks there; a link is seen itself. @throws the error of the system when that cannot be told. */
export async function seenAt(path: string): Promise<SeenAtPath> {
  try {
    const file = await lstat(path);
    return { kind: 'file', dev: file.dev, ino: file.ino, uid: file.uid, isSocket: file.isSocket() };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A file in the way of the path is nothing at its end, too.
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'nothing' };
    throw error;
  }
}
