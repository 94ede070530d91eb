import { type ErrorCode, errorCodeOf, IdentityError } from '../../errors/index.js';
import { type StatusText, status, toStatusObject } from '../../net/grpc/index.js';

/** For callers whose token was good. (reference: Istio C5) */
const UNAUTHENTICATED_DETAILS: Partial<Record<ErrorCode, string>> = {
  ERR_IMPERSONATION_REFUSED: 'request impersonation authentication failure',
  ERR_CERT_SIGNER_UNKNOWN: 'request names an unknown cert signer',
};

/** What a caller is told when its token could not be reviewed: what the API server said is for the log. */
const NOT_REVIEWED: StatusText = {
  code: status.UNAVAILABLE,
  details: 'the token could not be reviewed, try again later',
};

/**
 * How a caller is told that it gets no certificate: by the statuses and words of istiod, which operators search for and
 * which steer Istio's agents. Why a token was refused stands in the log alone. (reference: Istio C4 to C7)
 */
export function refusalOf(error: unknown): StatusText {
  if (errorCodeOf(error).startsWith('ERR_KUBERNETES_')) return NOT_REVIEWED;
  const { code, details } = toStatusObject(error);
  switch (code) {
    case status.UNAUTHENTICATED:
      return { code, details: UNAUTHENTICATED_DETAILS[errorCodeOf(error)] ?? 'request authenticate failure' };
    case status.INVALID_ARGUMENT:
    case status.INTERNAL:
      return { code, details: `CSR signing error (${details})` };
    default:
      // istiod calls a signer that has ended INTERNAL; its agents try either again.
      if (errorCodeOf(error) === 'ERR_CITADEL_NOT_READY') {
        return { code: status.INTERNAL, details: `CSR signing error (${details})` };
      }
      return error instanceof IdentityError && error.retryAfterMs !== undefined && code === status.RESOURCE_EXHAUSTED
        ? { code, details, retryAfterMs: error.retryAfterMs }
        : { code, details };
  }
}
