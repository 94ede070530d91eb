import { IdentityError } from '../errors/index.js';
import type { Operation } from './implementation.js';

/**
 * What an operation's caller gets for `error`: a refusal as it is. A foreign error is a bug of ours, and what its text
 * holds is not known, so only its class goes out, as `ERR_INTERNAL`.
 */
export function operationError(op: Operation, error: unknown): IdentityError {
  if (error instanceof IdentityError) return error;
  return new IdentityError('ERR_INTERNAL', `${op} threw ${Object(error).constructor?.name}`);
}
