import type { CancelSignal } from '../cancellation/index.js';
import type { KeyType } from '../pki/x509/index.js';
import type { Signer } from './signer.js';

/**
 * The three costly operations of the system, off the event loop.
 *
 * Each rejects with an IdentityError, and only with the codes that its doc names or one of
 * `ERR_HOTPATH_OVERLOADED` (queue full, nothing was started), `ERR_CANCELLED` (by the caller's signal, nothing was
 * started), `ERR_HOTPATH_DEADLINE` (took too long), `ERR_HOTPATH_FAILED` (the thread died), `ERR_HOTPATH_CLOSED` and
 * `ERR_INTERNAL` (an argument of a wrong type).
 */
export interface HotPath {
  /**
   * Makes a key pair and a CSR for it.
   * @throws `ERR_SPIFFE_ID_INVALID`, `ERR_KEY_TYPE_UNSUPPORTED`.
   */
  prepare(request: PrepareRequest, options?: CallOptions): Promise<PreparedKey>;

  /**
   * Proves that an issued chain is what was asked for and serialises it, with its key, for Envoy.
   * @throws `ERR_SVID_MALFORMED`, `ERR_SVID_KEY_MISMATCH`, `ERR_SVID_IDENTITY_MISMATCH`, `ERR_SVID_NOT_VALID_NOW`,
   *   `ERR_SVID_UNTRUSTED`, `ERR_BUNDLE_INVALID`, `ERR_SPIFFE_ID_INVALID`.
   */
  seal(request: SealRequest, options?: CallOptions): Promise<SealedSvid>;

  /**
   * Checks a CSR and signs a leaf for its public key. The identity comes from the request, never from the CSR.
   * @throws `ERR_CSR_INVALID`, `ERR_KEY_TYPE_UNSUPPORTED`, `ERR_SIGNER_INVALID`, `ERR_SPIFFE_ID_INVALID`; of a signer
   *   whose key is elsewhere `ERR_CA_KEY_UNAVAILABLE`.
   */
  issue(request: IssueRequest, options?: CallOptions): Promise<IssuedLeaf>;

  /** Ends all threads. Work still queued rejects with `ERR_HOTPATH_CLOSED`. Safe to call twice. */
  close(): Promise<void>;
}

/** How one call is to be treated. */
export interface CallOptions {
  /**
   * Aborted while the request waits: it never runs, and rejects with `ERR_CANCELLED`. Once a thread has it, its result
   * comes, for OpenSSL cannot be interrupted.
   */
  readonly signal?: CancelSignal | undefined;
  /** No caller waits for it yet: a thread of its own makes it, which the system runs after all others. */
  readonly isAhead?: boolean;
  /**
   * A workload cannot start before it: a key that takes long takes turns with those that only replace one, instead of
   * standing behind all of them.
   */
  readonly isFirst?: boolean;
  /**
   * Of a leaf: the event loop has nothing else to do, so what is known to be short is done there, without the way to a
   * thread.
   */
  readonly isAlone?: boolean;
}

export interface PrepareRequest {
  readonly spiffeId: string;
  readonly keyType: KeyType;
}

/** A fresh key and the request for its certificate. The caller owns `privateKey` and wipes it. */
export interface PreparedKey {
  /** PKCS#8 DER in memory of its own (not a slice of a pool). */
  readonly privateKey: Buffer;
  /**
   * PEM `CERTIFICATE REQUEST`: the subject `O=""` as Istio's agents have it, one critical URI SAN. (reference: Istio
   * A36; RFC 2986)
   */
  readonly csrPem: Buffer;
}

export interface SealRequest {
  /** PKCS#8 DER; read, never kept. */
  readonly privateKey: Buffer;
  /** PEM, leaf first, then intermediates. */
  readonly chainPem: Buffer;
  /** PEM of the trust bundle that peers will verify the chain with. */
  readonly bundlePem: Buffer;
  /** The only URI SAN that the leaf may have. */
  readonly spiffeId: string;
  /** Epoch milliseconds. */
  readonly nowMs: number;
  /** The leaf must stay valid for at least this long, from `nowMs` or from when it begins. */
  readonly minLifeMs: number;
  /**
   * How long after `nowMs` the leaf and its issuers may begin: their CA has another clock. The path is then proved for
   * that moment. 0 unless given.
   */
  readonly maxAheadMs?: number;
}

/**
 * An SVID as bytes for Envoy. Both bodies are a serialised `tls.v3.Secret` without its `name` (field 1), so that
 * one body serves every name; protobuf fields may come in any order.
 */
export interface SealedSvid {
  /** `Secret{tls_certificate}`: chain and key, both PEM in `inline_bytes`. Holds the private key: wipe it. */
  readonly certificateBody: Buffer;
  /** `Secret{validation_context}`: the bundle in `trusted_ca`, one PEM block per certificate. */
  readonly bundleBody: Buffer;
  /** Lower-case hex without separators, as `openssl x509 -serial` in lower case. */
  readonly serial: string;
  /**
   * From when on peers can verify it, epoch milliseconds: that of the leaf, or of an issuer that begins later than now.
   */
  readonly notBeforeMs: number;
  /** Epoch milliseconds. */
  readonly notAfterMs: number;
}

export interface IssueRequest {
  /** PEM `CERTIFICATE REQUEST` from an untrusted peer. */
  readonly csrPem: Buffer;
  readonly signer: Signer;
  /**
   * The subject alternative names of the leaf: text that starts with `spiffe://` becomes a URI, an IP address an IP,
   * all else a DNS name. (reference: Istio C20)
   */
  readonly subjectAltNames: readonly string[];
  /** Epoch milliseconds; whole seconds count. */
  readonly notBeforeMs: number;
  /** Epoch milliseconds; whole seconds count. */
  readonly notAfterMs: number;
}

export interface IssuedLeaf {
  /** PEM, ending in a newline. */
  readonly leafPem: Buffer;
  /** Lower-case hex: 128 random bits. */
  readonly serial: string;
  /** The one URI SAN that the CSR asked for, if it asked for exactly one: only ever a log field. */
  readonly requestedUri: string | undefined;
}
