import type { SpiffeId } from '../../pki/spiffe/index.js';
import type { Span } from '../../telemetry/index.js';

/** Tells who a caller is by its bearer token. One way of many: keys in a file, TokenReview, OIDC discovery. */
export interface Authenticator {
  /**
   * The workload that this token was issued to.
   *
   * Rejects with an IdentityError `ERR_TOKEN_MALFORMED`, `ERR_TOKEN_EXPIRED` or `ERR_TOKEN_REFUSED`, whose message is
   * for the log: peers get the same words for all of them. `span`: what it is a part of, where that is traced.
   */
  authenticate(bearerToken: string, span?: Span | undefined): Promise<AuthenticatedWorkload>;
}

/** A workload whose token, or certificate, has been verified. Only `spiffeId` is identity; the rest is for the log. */
export interface AuthenticatedWorkload {
  readonly spiffeId: SpiffeId;
  /** The pod that the token is bound to, `undefined` when it is bound to none. */
  readonly podName: string | undefined;
  /** The same, by its uid; only of a token of this cluster. */
  readonly podUid?: string | undefined;
  /** When the token, or the certificate, expires that it was told by; epoch milliseconds. */
  readonly tokenExpiresAtMs: number;
  /** How it was told, for the log: `client certificate`, or the issuer of the token. */
  readonly authenticatedBy?: string | undefined;
}
