import { lstat, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { IdentityError } from '../../errors/index.js';
import { parseServiceAccountToken } from '../../pki/service-account/index.js';
import { pathError } from '../../system/small-files/index.js';
import { createFileTokenSource } from '../identity/index.js';

/** What the agent puts into the directory of a pod, and what it finds there. */
export const POD_SOCKET_NAME = 'socket';
export const POD_TOKEN_NAME = 'token';

const WRITABLE_FOR_OTHERS = 0o022;

/**
 * Makes sure that only this user and root may put anything into a directory: what is put there says who a pod is. Links
 * are not followed.
 * @throws IdentityError `ERR_SOCKET_INVALID`.
 */
export async function judgeDirectory(path: string): Promise<void> {
  const what = `directory ${path}`;
  const state = await lstat(path).catch((error: unknown) => {
    throw pathError('ERR_SOCKET_INVALID', what, error, 'one that can be used');
  });
  if (state.isSymbolicLink()) throw invalid(what, 'a symbolic link', 'a directory');
  if (!state.isDirectory()) throw invalid(what, 'a file', 'a directory');
  const ownUid = process.geteuid?.() ?? 0;
  if (state.uid !== ownUid && state.uid !== 0) {
    throw invalid(what, `one of user ${state.uid}`, `one of root or of user ${ownUid}`);
  }
  if ((state.mode & WRITABLE_FOR_OTHERS) !== 0) {
    const octal = (state.mode & 0o7777).toString(8).padStart(4, '0');
    throw invalid(what, `mode ${octal}`, 'one that neither its group nor others may write to');
  }
}

/**
 * The token in the directory of a pod, which has to be bound to this very pod. Links lead to files below the directory
 * alone, as those of the kubelet do.
 * @throws IdentityError `ERR_TOKEN_*`.
 */
export async function readPodToken(directory: string, podUid: string, now: () => number): Promise<Buffer> {
  const path = join(directory, POD_TOKEN_NAME);
  const admit = async (realPath: string): Promise<void> => {
    if (realPath.startsWith(`${await realpath(directory)}${sep}`)) return;
    throw new IdentityError(
      'ERR_TOKEN_MISSING',
      `${path}: got a link to ${realPath}, expected a file of the directory`,
    );
  };
  const token = await createFileTokenSource(path, now, admit).read();
  const claims = parseServiceAccountToken(token, now());
  if (claims.podUid === podUid) return token;
  token.fill(0);
  const got = claims.podUid === undefined ? 'a token that is bound to no pod' : `the token of pod ${claims.podUid}`;
  throw new IdentityError(
    'ERR_TOKEN_REFUSED',
    `${path}: got ${got}, expected that of pod ${podUid}, as the directory says`,
  );
}

function invalid(what: string, got: string, expected: string): IdentityError {
  return new IdentityError('ERR_SOCKET_INVALID', `${what}: got ${got}, expected ${expected}`);
}
