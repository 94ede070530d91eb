import { type ErrorCode, IdentityError, wrapError } from '../../errors/index.js';
import type { CallFailure } from '../../net/grpc/index.js';
import { status } from '../../net/grpc/index.js';
import { clipped } from '../../text/index.js';

/** What a failed attempt means, and whether the same call is worth another one at once. */
export interface CaFailure {
  readonly error: IdentityError;
  readonly isTransient: boolean;
  /**
   * Whether another CA might do better: this one gave no answer, or none that can be used. One that has refused the
   * token or the request has answered.
   */
  readonly failsOver: boolean;
  readonly connection: ConnectionVerdict;
}

/** What a failure says of the connection. */
export type ConnectionVerdict =
  /** The CA is there and only busy: a new connection would cost it a handshake and help no caller. */
  | 'good'
  /**
   * The CA is there and knows no such token: as a rule the token's fault, and a pod that sends forged ones must not
   * make us shake hands for each. But it may be a CA that has been replaced, whose root the file has by now.
   */
  | 'good-with-this-root'
  | 'broken';

/**
 * Reads the status of a failed call. The transient ones are those that pilot-agent tries again (reference: Istio A66).
 * A refused token is not: the next attempt waits until the caller has another one. `ca` names the CA and the roots
 * it was verified with, `nowMs` is our clock in epoch milliseconds.
 */
export function readFailure(failure: CallFailure, ca: string, nowMs: number): CaFailure {
  const name = status[failure.code] ?? failure.code;
  const reason = explain(failure.details, nowMs);
  const { retryAfterMs } = failure;
  const code = codeOf(failure);
  return {
    error: new IdentityError(code, `${ca}: got ${name}: ${reason}`, { cause: failure, retryAfterMs }),
    failsOver: !ANSWERS.has(code),
    // One that does not verify is tried again, for its root may be written just now.
    isTransient: failure.fault !== 'answer-unusable' && TRANSIENT.has(failure.code),
    connection: connectionVerdict(failure.code),
  };
}

/** What no other CA is asked for: the first has decided. */
const ANSWERS: ReadonlySet<ErrorCode> = new Set(['ERR_CA_REFUSED_TOKEN', 'ERR_CA_REJECTED_CSR']);

/**
 * A failure without a status, as which only `code` counts: the roots cannot be read, or an answer has not the form of
 * one. @throws `error` itself when it is another one, as an IdentityError.
 */
export function failureWithoutStatus(error: unknown, code: ErrorCode): CaFailure {
  const wrapped = wrapError('ERR_INTERNAL', 'asking the CA', error);
  if (wrapped.code !== code) throw wrapped;
  return { error: wrapped, isTransient: false, failsOver: true, connection: 'broken' };
}

function connectionVerdict(code: status): ConnectionVerdict {
  switch (code) {
    case status.RESOURCE_EXHAUSTED:
      return 'good';
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return 'good-with-this-root';
    default:
      return 'broken';
  }
}

const TRANSIENT: ReadonlySet<status> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
  status.INTERNAL,
  status.UNAVAILABLE,
]);

function codeOf({ code, fault }: CallFailure): ErrorCode {
  if (fault === 'peer-unverified') return 'ERR_CA_UNTRUSTED';
  if (fault === 'answer-unusable') return 'ERR_CA_RESPONSE_INVALID';
  switch (code) {
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return 'ERR_CA_REFUSED_TOKEN';
    case status.INVALID_ARGUMENT:
      return 'ERR_CA_REJECTED_CSR';
    case status.CANCELLED:
    case status.ABORTED:
    case status.INTERNAL:
    case status.UNAVAILABLE:
      return 'ERR_CA_UNAVAILABLE';
    case status.DEADLINE_EXCEEDED:
      return 'ERR_CA_DEADLINE';
    case status.RESOURCE_EXHAUSTED:
      return 'ERR_CA_OVERLOADED';
    default:
      // It is there, and has answered with what no CA has to say.
      return 'ERR_CA_RESPONSE_INVALID';
  }
}

/** A status text comes from the network; this much of it explains any failure. */
const MAX_DETAILS_CHARS = 300;

/** OpenSSL's words for an answer that is no TLS. */
const WITHOUT_TLS = /wrong version number|packet length too long|record layer failure|HTTP_REQUEST/i;

/** Whether a handshake that failed with these words has met a peer that speaks no TLS. */
export function speaksNoTls(details: string): boolean {
  return WITHOUT_TLS.test(details);
}

/**
 * What an operator has to do, in front of OpenSSL's and Node's words for it. grpc-js hands on a failed handshake as
 * text alone. Nothing is decided by this text, it is only read by people; a test with real handshakes pins the words.
 */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /self-signed certificate|certificate signature failure|unable to verify the first certificate|unable to get (local )?issuer certificate/,
    "the root does not verify the CA's certificate",
  ],
  [/certificate has expired/, "the CA's certificate has expired: renew it, or compare the clocks"],
  [/certificate is not yet valid/, "the CA's certificate is not yet valid: compare the clocks"],
  [WITHOUT_TLS, 'the CA does not speak TLS at this port: ask at its TLS port, or allow plain text with --ca-plaintext'],
  [
    /alert (bad certificate|certificate|unknown ca|unsupported certificate|handshake failure)/,
    'the CA wants a client certificate, or another one than it was shown: compare --ca-client-cert with what the CA trusts',
  ],
  [/does not match certificate's altnames/, "the CA's certificate is for another name"],
];

/** Those that are a matter of time. */
const CLOCK = /certificate (has expired|is not yet valid)/;

function explain(details: string, nowMs: number): string {
  const text = clipped(details, MAX_DETAILS_CHARS);
  const advice = ADVICE.find(([pattern]) => pattern.test(text))?.[1];
  if (advice === undefined) return text;
  const ours = CLOCK.test(text) ? `; ours says ${new Date(nowMs).toISOString()}` : '';
  return `${advice}${ours} (${text})`;
}
