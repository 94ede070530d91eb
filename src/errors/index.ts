/**
 * errors: the one error class of the project and its closed list of codes.
 *
 * A code is public API: it is what logs, tests and `docs/errors.md` name. The message is for people.
 */
export { ERROR_CODES, type ErrorCode } from './error-codes.js';
export { type FailureRecord, failureRecord } from './failure-record.js';
export { errorCodeOf, IdentityError, messageOf, wrapError } from './identity-error.js';
