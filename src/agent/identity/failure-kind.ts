import { type ErrorCode, errorCodeOf, IdentityError } from '../../errors/index.js';
import type { FailureKind } from '../../timers/index.js';

/** Nothing was refused: the CA did not answer, or a thread of ours did not. */
const AWAY: ReadonlySet<ErrorCode> = new Set([
  'ERR_CA_UNAVAILABLE',
  'ERR_CA_DEADLINE',
  'ERR_HOTPATH_OVERLOADED',
  'ERR_HOTPATH_DEADLINE',
  'ERR_HOTPATH_FAILED',
]);

/**
 * What a failed issue says of the next one. All that is not known to pass by itself counts as refused: a token, a CSR,
 * an answer, a root, a fault of ours. Pure.
 */
export function failureOf(error: unknown): { readonly kind: FailureKind; readonly notSoonerMs: number } {
  const code = errorCodeOf(error);
  const kind = AWAY.has(code) ? 'away' : code === 'ERR_CA_OVERLOADED' ? 'overloaded' : 'refused';
  return { kind, notSoonerMs: (error instanceof IdentityError ? error.retryAfterMs : undefined) ?? 0 };
}
