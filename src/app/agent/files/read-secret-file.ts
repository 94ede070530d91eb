import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { IdentityError } from '../../../errors/index.js';
import { unreadable } from './allowed-directories.js';

/** Far above any chain, bundle or CRL that Envoy is given for its handshakes. */
const MAX_FILE_BYTES = 1024 * 1024;

/** The last link is resolved by then: whoever puts another one there meanwhile is refused. A pipe does not hold us up. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A file as it was at one moment. */
export interface SecretFile {
  /** In memory of its own; who has it wipes it. */
  readonly content: Buffer;
  /** Tells this state from the next. */
  readonly mark: string;
}

interface FileState {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** The mark of the file as it stands now, links followed; `undefined` when there is none. */
export async function markOf(path: string): Promise<string | undefined> {
  const state = await stat(path, { bigint: true }).catch(() => undefined);
  return state && markOfState(state);
}

/** Reads the file at a path without links. @throws IdentityError `ERR_SECRET_FILE_INVALID`, which names the file. */
export async function readSecretFile(path: string): Promise<SecretFile> {
  const refuse = (got: string, expected: string): never => {
    throw new IdentityError('ERR_SECRET_FILE_INVALID', `${path}: got ${got}, expected ${expected}`);
  };
  const file = await open(path, FLAGS).catch((cause) => {
    throw unreadable(path, cause);
  });
  try {
    const state = await file.stat({ bigint: true });
    if (!state.isFile()) refuse('something else than a file', 'a regular file');
    if (state.size > MAX_FILE_BYTES) refuse(`${state.size} bytes`, `at most ${MAX_FILE_BYTES}`);
    const content = Buffer.allocUnsafeSlow(Number(state.size));
    const { bytesRead } = await file.read(content, 0, content.length, 0);
    if (bytesRead !== content.length) refuse('a file that is being cut', 'one that stands still');
    return { content, mark: markOfState(state) };
  } finally {
    await file.close();
  }
}

function markOfState({ dev, ino, size, mtimeNs, ctimeNs }: FileState): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}
