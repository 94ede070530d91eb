import { getSystemErrorMap } from 'node:util';
import { type ErrorCode, IdentityError } from '../../errors/index.js';

/** Denials depend on who asks, and in a container that is often another user than its image was tried with. */
const DENIALS = ['EACCES', 'EPERM'];

/** What the system says of an operation on a path: `permission denied (EACCES) as uid 1000, gid 1000`. */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, errno } = error as NodeJS.ErrnoException;
  if (code === undefined) return error.message;
  const [, words = error.message] = (errno !== undefined && getSystemErrorMap().get(errno)) || [];
  return `${words} (${code})${DENIALS.includes(code) ? asWhom() : ''}`;
}

/**
 * `what` names the path: `token file /var/run/token`. Keeps `error` as the cause. An IdentityError speaks for itself.
 */
export function pathError(code: ErrorCode, what: string, error: unknown, expected: string): IdentityError {
  if (error instanceof IdentityError) return error;
  return new IdentityError(code, `${what}: got ${systemReason(error)}, expected ${expected}`, { cause: error });
}

function asWhom(): string {
  const { geteuid, getegid } = process;
  return geteuid === undefined || getegid === undefined ? '' : ` as uid ${geteuid()}, gid ${getegid()}`;
}
