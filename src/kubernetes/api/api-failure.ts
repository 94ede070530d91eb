import { type ErrorCode, IdentityError, messageOf } from '../../errors/index.js';
import { redact } from '../../telemetry/index.js';
import { clipped } from '../../text/index.js';

/** What is asked of the API server, as messages name it. */
export interface ApiCall {
  /** As RBAC names it: get, list, watch, create, update, patch, delete. */
  readonly verb: string;
  /** The plural of the resource, or a path. */
  readonly resource: string;
  /** `namespace/name`, or as much of it as there is. */
  readonly object: string;
}

/** What an API server answers when it does not do what it was asked. (Kubernetes API, meta/v1 Status) */
export interface ApiStatus {
  /** The HTTP status, or the code that an event of a watch has in its place. */
  readonly code: number;
  /** One word, such as `AlreadyExists`. */
  readonly reason: string;
  readonly message: string;
}

/** Messages of admission webhooks may be pages long. */
const MAX_MESSAGE_CHARS = 400;

/** How to call {@link ApiCall} in a message: `get configmaps foo/bar`. */
export function callText({ verb, resource, object }: ApiCall): string {
  return object === '' ? `${verb} ${resource}` : `${verb} ${resource} ${object}`;
}

/** What the body of an answer that is no success says. Whatever is no Status is quoted as the text that it is. */
export function readApiStatus(httpStatus: number, body: Buffer): ApiStatus {
  const status = parsed(body);
  return isStatus(status)
    ? apiStatusOf(status, httpStatus)
    : { code: httpStatus, reason: '', message: body.toString('utf8', 0, MAX_MESSAGE_CHARS) };
}

/** What an object of kind Status says; `httpStatus` is for one without a code. */
export function apiStatusOf(status: Readonly<Record<string, unknown>>, httpStatus: number): ApiStatus {
  const { code, reason, message } = status;
  return {
    code: typeof code === 'number' ? code : httpStatus,
    reason: typeof reason === 'string' ? reason : '',
    message: typeof message === 'string' ? message : '',
  };
}

/** The error for an answer that is no success. `retryAfterMs` is what the server has asked for. */
export function apiError(call: ApiCall, status: ApiStatus, retryAfterMs?: number): IdentityError {
  const { code, reason, message } = status;
  const words = redact(clipped(message, MAX_MESSAGE_CHARS));
  const got = [`${code}`, reason, words === '' ? '' : JSON.stringify(words)].filter((part) => part !== '').join(' ');
  return new IdentityError(
    errorCodeOfStatus(code),
    `${callText(call)}: got ${got}, expected ${expectedFor(call, code)}`,
    {
      retryAfterMs,
    },
  );
}

function errorCodeOfStatus(code: number): ErrorCode {
  switch (code) {
    case 401:
    case 403:
      return 'ERR_KUBERNETES_REFUSED';
    case 404:
      return 'ERR_KUBERNETES_NOT_FOUND';
    case 409:
      return 'ERR_KUBERNETES_CONFLICT';
    case 410:
      return 'ERR_KUBERNETES_EXPIRED';
    case 429:
      return 'ERR_KUBERNETES_OVERLOADED';
    default:
      return code >= 500 ? 'ERR_KUBERNETES_UNAVAILABLE' : 'ERR_KUBERNETES_REJECTED';
  }
}

function expectedFor({ verb, resource }: ApiCall, code: number): string {
  if (code === 401) return 'credentials that the API server accepts';
  if (code === 403) return `a role that allows ${verb} of ${resource}`;
  return 'success';
}

/** Where the call failed before there was an answer. */
export function connectionError(call: ApiCall, server: string, error: unknown): IdentityError {
  if (error instanceof IdentityError) return error;
  const code: ErrorCode = isUnverified(error) ? 'ERR_KUBERNETES_UNTRUSTED' : 'ERR_KUBERNETES_UNAVAILABLE';
  return new IdentityError(code, `${callText(call)}: API server ${server}: ${reasonOf(error)}`, { cause: error });
}

/** Of several addresses each has its reason. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ');
  return messageOf(error);
}

/**
 * Whether the certificate of the server does not verify: then the code is one of OpenSSL's names for it, or that of
 * Node.js for a wrong name. (Node.js, "X509 certificate error codes")
 */
function isUnverified(error: unknown): boolean {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return false;
  return UNVERIFIED.has(error.code) || error.code === 'ERR_TLS_CERT_ALTNAME_INVALID';
}

const UNVERIFIED: ReadonlySet<string> = new Set([
  ...['UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'CERT_SIGNATURE_FAILURE', 'CERT_UNTRUSTED'],
  ...['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED', 'CERT_CHAIN_TOO_LONG', 'CERT_REVOKED', 'CERT_REJECTED'],
  ...['INVALID_CA', 'INVALID_PURPOSE', 'PATH_LENGTH_EXCEEDED', 'HOSTNAME_MISMATCH'],
]);

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function isStatus(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'Status';
}
