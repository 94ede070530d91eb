/**
 * Every code an {@link IdentityError} can carry, grouped by the room that raises it.
 * Each has a line in `docs/errors.md` (a test compares both) and a gRPC status in `net/grpc/status.ts`.
 */
export const ERROR_CODES = [
  // config, cli
  'ERR_CONFIG_INVALID',
  // spiffe
  'ERR_SPIFFE_ID_INVALID',
  'ERR_BUNDLE_INVALID',
  // hotpath
  'ERR_KEY_TYPE_UNSUPPORTED',
  'ERR_CSR_INVALID',
  'ERR_SIGNER_INVALID',
  'ERR_SVID_MALFORMED',
  'ERR_SVID_KEY_MISMATCH',
  'ERR_SVID_IDENTITY_MISMATCH',
  'ERR_SVID_NOT_VALID_NOW',
  'ERR_SVID_UNTRUSTED',
  'ERR_HOTPATH_OVERLOADED',
  'ERR_HOTPATH_DEADLINE',
  'ERR_HOTPATH_FAILED',
  'ERR_HOTPATH_CLOSED',
  // ca-client
  'ERR_CA_UNAVAILABLE',
  'ERR_CA_UNTRUSTED',
  'ERR_CA_DEADLINE',
  'ERR_CA_OVERLOADED',
  'ERR_CA_REFUSED_TOKEN',
  'ERR_CA_REJECTED_CSR',
  'ERR_CA_RESPONSE_INVALID',
  'ERR_CA_ROOT_INVALID',
  // tokens (identity, citadel)
  'ERR_TOKEN_MISSING',
  'ERR_TOKEN_MALFORMED',
  'ERR_TOKEN_EXPIRED',
  'ERR_TOKEN_REFUSED',
  // citadel
  'ERR_TTL_TOO_LONG',
  'ERR_IMPERSONATION_REFUSED',
  'ERR_CERT_SIGNER_UNKNOWN',
  'ERR_CITADEL_NOT_READY',
  'ERR_CITADEL_OVERLOADED',
  'ERR_CITADEL_DEADLINE',
  'ERR_JWKS_INVALID',
  // app: the files of secrets
  'ERR_SECRET_FILE_INVALID',
  // sds
  'ERR_REQUEST_INVALID',
  'ERR_SVID_NOT_READY',
  'ERR_SECRET_UNKNOWN',
  // rpc
  'ERR_SOCKET_IN_USE',
  'ERR_SOCKET_INVALID',
  'ERR_LISTEN_FAILED',
  // any room
  'ERR_CANCELLED',
  'ERR_INTERNAL',
] as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];
