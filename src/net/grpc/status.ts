import { type ErrorCode, IdentityError } from '../../errors/index.js';
import { status } from './status-code.js';

/**
 * The gRPC status of each code, as a peer sees it. Total by type: a new code without a status does not compile.
 * UNAVAILABLE, RESOURCE_EXHAUSTED and DEADLINE_EXCEEDED mean "come back": Istio's agents try those again by themselves,
 * and Envoy logs the first and the last two gently. (reference: Istio A66; SDS 1.7)
 */
const GRPC_STATUS: Record<ErrorCode, status> = {
  ERR_CONFIG_INVALID: status.INTERNAL,
  ERR_SPIFFE_ID_INVALID: status.INVALID_ARGUMENT,
  ERR_BUNDLE_INVALID: status.INTERNAL,
  ERR_KEY_TYPE_UNSUPPORTED: status.INVALID_ARGUMENT,
  ERR_CSR_INVALID: status.INVALID_ARGUMENT,
  ERR_SIGNER_INVALID: status.INTERNAL,
  ERR_SVID_MALFORMED: status.INTERNAL,
  ERR_SVID_KEY_MISMATCH: status.INTERNAL,
  ERR_SVID_IDENTITY_MISMATCH: status.INTERNAL,
  ERR_SVID_NOT_VALID_NOW: status.INTERNAL,
  ERR_SVID_UNTRUSTED: status.INTERNAL,
  ERR_HOTPATH_OVERLOADED: status.RESOURCE_EXHAUSTED,
  ERR_HOTPATH_DEADLINE: status.DEADLINE_EXCEEDED,
  ERR_HOTPATH_FAILED: status.INTERNAL,
  ERR_HOTPATH_CLOSED: status.UNAVAILABLE,
  ERR_CA_UNAVAILABLE: status.UNAVAILABLE,
  ERR_CA_UNTRUSTED: status.UNAVAILABLE,
  ERR_CA_DEADLINE: status.DEADLINE_EXCEEDED,
  ERR_CA_OVERLOADED: status.RESOURCE_EXHAUSTED,
  ERR_CA_REFUSED_TOKEN: status.UNAUTHENTICATED,
  ERR_CA_REJECTED_CSR: status.INTERNAL,
  ERR_CA_RESPONSE_INVALID: status.INTERNAL,
  ERR_CA_ROOT_INVALID: status.UNAVAILABLE,
  ERR_TOKEN_MISSING: status.UNAUTHENTICATED,
  ERR_TOKEN_MALFORMED: status.UNAUTHENTICATED,
  ERR_TOKEN_EXPIRED: status.UNAUTHENTICATED,
  ERR_TOKEN_REFUSED: status.UNAUTHENTICATED,
  ERR_CLIENT_CERTIFICATE_REFUSED: status.UNAUTHENTICATED,
  ERR_TTL_TOO_LONG: status.INVALID_ARGUMENT,
  ERR_TTL_TOO_SHORT: status.INVALID_ARGUMENT,
  ERR_POLICY_INVALID: status.INTERNAL,
  ERR_POLICY_REFUSED: status.INVALID_ARGUMENT,
  ERR_IMPERSONATION_REFUSED: status.UNAUTHENTICATED,
  ERR_CERT_SIGNER_UNKNOWN: status.UNAUTHENTICATED,
  ERR_CITADEL_NOT_READY: status.UNAVAILABLE,
  ERR_CITADEL_OVERLOADED: status.RESOURCE_EXHAUSTED,
  ERR_TRAIL_UNAVAILABLE: status.UNAVAILABLE,
  ERR_INVENTORY_UNAVAILABLE: status.UNAVAILABLE,
  ERR_CA_KEY_UNAVAILABLE: status.UNAVAILABLE,
  ERR_ROTATION_REFUSED: status.FAILED_PRECONDITION,
  ERR_REVOCATION_REFUSED: status.FAILED_PRECONDITION,
  ERR_CITADEL_DEADLINE: status.DEADLINE_EXCEEDED,
  ERR_JWKS_INVALID: status.UNAVAILABLE,
  ERR_KUBERNETES_CONFIG_INVALID: status.UNAVAILABLE,
  ERR_KUBERNETES_UNAVAILABLE: status.UNAVAILABLE,
  ERR_KUBERNETES_UNTRUSTED: status.UNAVAILABLE,
  ERR_KUBERNETES_OVERLOADED: status.UNAVAILABLE,
  ERR_KUBERNETES_REFUSED: status.UNAVAILABLE,
  ERR_KUBERNETES_NOT_FOUND: status.UNAVAILABLE,
  ERR_KUBERNETES_CONFLICT: status.UNAVAILABLE,
  ERR_KUBERNETES_EXPIRED: status.UNAVAILABLE,
  ERR_KUBERNETES_REJECTED: status.UNAVAILABLE,
  ERR_KUBERNETES_RESPONSE_INVALID: status.UNAVAILABLE,
  ERR_SECRET_FILE_INVALID: status.INTERNAL,
  ERR_BUNDLE_ENDPOINT_UNAVAILABLE: status.UNAVAILABLE,
  ERR_BUNDLE_ENDPOINT_UNTRUSTED: status.UNAVAILABLE,
  ERR_OUTPUT_FAILED: status.INTERNAL,
  ERR_OUTPUT_NOTICE_FAILED: status.INTERNAL,
  ERR_REQUEST_INVALID: status.INVALID_ARGUMENT,
  ERR_SVID_NOT_READY: status.UNAVAILABLE,
  ERR_SECRET_UNKNOWN: status.NOT_FOUND,
  ERR_SOCKET_IN_USE: status.INTERNAL,
  ERR_SOCKET_INVALID: status.INTERNAL,
  ERR_LISTEN_FAILED: status.INTERNAL,
  ERR_CANCELLED: status.CANCELLED,
  ERR_INTERNAL: status.INTERNAL,
};

/** A status and its text, as grpc-js takes it for the end of a call. */
export interface StatusText {
  readonly code: status;
  readonly details: string;
  /** How long the peer is asked to wait before it comes back, in milliseconds: it travels as a `RetryInfo`. */
  readonly retryAfterMs?: number;
}

/** A status travels in the trailers, and peers bound a header list at 8 to 16 kB; no reader needs more than this. */
const MAX_DETAILS_CHARS = 512;

/**
 * What a caller could see by looking at its own token, and an operator needs to find in Envoy's log. That Envoy's token
 * file ends in a newline, say, never comes so far: then there is no stream at all.
 */
const OWN_FAULT: Partial<Record<ErrorCode, string>> = {
  ERR_TOKEN_MISSING: 'no token came with the stream',
  ERR_TOKEN_MALFORMED: 'what came with the stream is no bearer token',
  ERR_TOKEN_EXPIRED: 'the token has expired',
};

/**
 * What a peer gets to know of `error`. All reasons to refuse a token that need a verifier read alike, so that a caller
 * cannot probe which check it failed; an error that is not ours says nothing. The log has the reason.
 */
export function toStatusObject(error: unknown): StatusText {
  if (!(error instanceof IdentityError)) return { code: status.INTERNAL, details: 'internal error' };
  const code = GRPC_STATUS[error.code];
  if (code === status.UNAUTHENTICATED) {
    const reason = OWN_FAULT[error.code];
    return { code, details: reason === undefined ? 'authentication failed' : `authentication failed: ${reason}` };
  }
  return { code, details: error.message.slice(0, MAX_DETAILS_CHARS) };
}
