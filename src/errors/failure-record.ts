import type { ErrorCode } from './error-codes.js';
import { errorCodeOf, messageOf } from './identity-error.js';

/** What went wrong last, as operators are told of it. */
export interface FailureRecord {
  readonly code: ErrorCode;
  readonly message: string;
  /** Epoch milliseconds. */
  readonly atMs: number;
}

/** Of an error that was caught at this time, in epoch milliseconds. */
export function failureRecord(error: unknown, atMs: number): FailureRecord {
  return { code: errorCodeOf(error), message: messageOf(error), atMs };
}
