import type { ErrorCode } from './error-codes.js';

/**
 * The one error that crosses a room's border. `code` is stable; `message` is lower case, names the value and
 * what was expected, and never holds a key, a token or a whole CSR.
 */
export class IdentityError extends Error {
  override readonly name = 'IdentityError';
  /** How long a peer that has refused wants not to be asked again, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: IdentityErrorOptions,
  ) {
    // Without a stack, which has no use beside a code and takes some 30 µs: a peer makes us refuse thousands of
    // requests.
    const { stackTraceLimit } = Error;
    if (code !== 'ERR_INTERNAL') Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = stackTraceLimit;
    this.retryAfterMs = options?.retryAfterMs;
  }
}

export interface IdentityErrorOptions extends ErrorOptions {
  readonly retryAfterMs?: number | undefined;
}

/** The code of `error`, or `ERR_INTERNAL` for anything that is not an {@link IdentityError}. */
export function errorCodeOf(error: unknown): ErrorCode {
  return error instanceof IdentityError ? error.code : 'ERR_INTERNAL';
}

/**
 * `error` itself when it already is an {@link IdentityError}, else a new one with `code`, whose message adds
 * `what` in front of the original text and which keeps the original as `cause`.
 */
export function wrapError(code: ErrorCode, what: string, error: unknown): IdentityError {
  if (error instanceof IdentityError) return error;
  const detail = messageOf(error);
  return new IdentityError(code, `${what}: ${detail}`, { cause: error });
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
