import { constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises';
import { type ErrorCode, IdentityError } from '../../errors/index.js';
import { kindOf } from './file-kind.js';
import { pathError } from './path-error.js';

/** A file as it was at one moment. */
export interface SmallFile {
  /** In memory of its own; who has it wipes it when it holds a secret. */
  readonly content: Buffer;
  /** Its permission bits. */
  readonly mode: number;
}

export interface SmallFileOptions {
  /** Names the file in the refusal, with its path: `token file /var/run/token`. */
  readonly what: string;
  /** The code of every refusal. */
  readonly code: ErrorCode;
  readonly maxBytes: number;
  /**
   * Judges where the file really lies, of the very file that is then read: it cannot be replaced in between.
   * @throws what {@link readSmallFile} then throws.
   */
  readonly admit?: ((realPath: string) => void | Promise<void>) | undefined;
}

/** A pipe does not hold us up. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * Names a file without opening it: a device notices nothing. Node has no name for it. (open(2); asm-generic/fcntl.h)
 */
const O_PATH = 0o10000000;

/**
 * Reads a whole file, of at most `maxBytes`.
 * @throws IdentityError `options.code`, with the system's reason, what is there instead of a file, or its size.
 */
export async function readSmallFile(path: string, options: SmallFileOptions): Promise<SmallFile> {
  try {
    const file = options.admit === undefined ? await open(path, READ_FLAGS) : await openAdmitted(path, options.admit);
    try {
      const state = await file.stat();
      if (!state.isFile()) throw refusal(options, kindOf(state), 'a regular file');
      const content = await readWhole(file, state.size, options);
      return { content, mode: state.mode & 0o7777 };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw pathError(options.code, options.what, error, 'a readable file');
  }
}

/** The same of a file that may be missing; `undefined` when none is to be seen. */
export async function readIfThere(path: string, options: SmallFileOptions): Promise<SmallFile | undefined> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return isThere ? readSmallFile(path, options) : undefined;
}

/**
 * Opens a file of which `admit` has judged where it really lies. The path is followed once, to a descriptor that only
 * names the file; the kernel tells the real path of that, and it is opened through it. (proc_pid_fd(5))
 */
async function openAdmitted(path: string, admit: (realPath: string) => void | Promise<void>): Promise<FileHandle> {
  if (process.platform !== 'linux') {
    // The last link is resolved by then: another one that was put there meanwhile is refused.
    const realPath = await realpath(path);
    await admit(realPath);
    return open(realPath, READ_FLAGS | constants.O_NOFOLLOW);
  }
  const named = await open(path, O_PATH);
  try {
    const descriptor = `/proc/self/fd/${named.fd}`;
    await admit(await readlink(descriptor));
    return await open(descriptor, READ_FLAGS);
  } finally {
    await named.close();
  }
}

async function readWhole(file: FileHandle, size: number, options: SmallFileOptions): Promise<Buffer> {
  const { maxBytes } = options;
  if (size > maxBytes) throw refusal(options, `${size} bytes`, `at most ${maxBytes}`);
  const content = Buffer.allocUnsafeSlow(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await file.read(content, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  if (length === size) return content;
  content.fill(0);
  throw refusal(options, 'a file that is being cut', 'one that stands still');
}

function refusal({ code, what }: SmallFileOptions, got: string, expected: string): IdentityError {
  return new IdentityError(code, `${what}: got ${got}, expected ${expected}`);
}
