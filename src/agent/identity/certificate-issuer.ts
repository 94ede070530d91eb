import type { CancelSignal } from '../../cancellation/index.js';
import type { IdentityError } from '../../errors/index.js';
import type { ShownClaims } from '../../pki/service-account/index.js';
import type { Span } from '../../telemetry/index.js';

/** Who turns a CSR into a certificate: `ca-client` over the network. Declared beside its use. */
export interface CertificateIssuer {
  /**
   * Asks for a certificate. Resolves with what the CA answered, unchecked beyond its outer form.
   *
   * Rejects with an IdentityError: `ERR_CA_UNAVAILABLE`, `ERR_CA_DEADLINE`, `ERR_CA_OVERLOADED` (worth another
   * try), `ERR_CA_UNTRUSTED`, `ERR_CA_REFUSED_TOKEN` (worth another try with another token), `ERR_CA_REJECTED_CSR`,
   * `ERR_CA_RESPONSE_INVALID`, `ERR_CA_ROOT_INVALID`, a token's `ERR_TOKEN_*`, or `ERR_CANCELLED` by `signal`.
   */
  issue(request: CertificateRequest): Promise<CertificateAnswer>;
}

export interface CertificateRequest {
  readonly csrPem: Buffer;
  readonly ttlMs: number;
  /** Read again for each attempt: the kubelet replaces the token under us. */
  readonly token: TokenSource;
  readonly signal: CancelSignal;
  /** How long one attempt may take, in milliseconds; left out, as long as the issuer finds right. */
  readonly attemptMs?: number | undefined;
  /** What the call is a part of, where it is traced. */
  readonly span?: Span | undefined;
}

/** Where a service-account JWT comes from: the pod's file, or a stream's metadata. */
export interface TokenSource {
  /**
   * The token as it stands now, without white space around it. The caller wipes the buffer after use.
   * @throws IdentityError `ERR_TOKEN_MISSING`, `ERR_TOKEN_MALFORMED`, `ERR_TOKEN_EXPIRED`.
   */
  read(): Promise<Buffer>;
  /**
   * Calls `listener` whenever there is another token than before, until the result is called; left out, a change cannot
   * be seen.
   */
  onChange?(listener: () => void): () => void;
  /** Whether another one may come within moments, since there is none that is valid; left out, none is expected. */
  isExpected?(): boolean;
  /** What the token of the last {@link read} says of itself; `undefined` before that, or where it is not told. */
  claims?(): ShownClaims | undefined;
}

/** What else a refusal may rest on: the roots that the CA is verified with, and which CA it is that answers. */
export interface RefusalGrounds {
  /** Calls `listener` whenever something of it is another than before, until the result is called. */
  onChange(listener: () => void): () => void;
}

export interface CertificateAnswer {
  /** PEM: the leaf, then the intermediates; no root. */
  readonly chainPem: Buffer;
  /** PEM: the trust bundle. */
  readonly bundlePem: Buffer;
  /** Called once with what became of the answer: who chooses among CAs goes by that. */
  judged?(verdict: AnswerVerdict): void;
}

/** The SVID is proven, or not and why, or it was not looked at. */
export type AnswerVerdict = 'proven' | 'dropped' | { readonly refused: IdentityError };
