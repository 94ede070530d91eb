import { X509Certificate } from 'node:crypto';
import type { CancelSignal } from '../../cancellation/index.js';
import { type ErrorCode, IdentityError, messageOf } from '../../errors/index.js';
import type { TrustBundle } from '../../pki/spiffe/index.js';
import { NameTag, readFacts } from '../../pki/x509/index.js';
import { clipped } from '../../text/index.js';

/** How the server of an endpoint shows that it is the right one. (SPIFFE Federation §5.2) */
export type EndpointProfile =
  /** By a certificate of the web for its host name. `roots`: in place of those that Node.js trusts. */
  | { readonly kind: 'https_web'; readonly roots?: TrustBundle }
  /** By an X.509-SVID of this SPIFFE ID. `roots`: those of its trust domain, as they are known now. */
  | { readonly kind: 'https_spiffe'; readonly spiffeId: string; readonly roots: TrustBundle | undefined };

/** Who reads a document by HTTPS: `net/transport`. Declared beside its use. */
export type ReadDocument = (request: DocumentRequest) => Promise<Buffer>;

export interface DocumentRequest {
  readonly url: URL;
  /** PEM roots for the server's certificate; left out, those that Node.js has. */
  readonly rootsPem?: Buffer | undefined;
  /** Why a certificate (DER) whose path is good is not the server's; left out, its host name is compared. */
  readonly whyNotServer?: ((der: Buffer) => string | undefined) | undefined;
  readonly signal: CancelSignal;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

export interface FetchOptions {
  readonly profile: EndpointProfile;
  /** Follows no redirect: it would lead to a host that is not configured. (SPIFFE Federation §5.1) */
  readonly readDocument: ReadDocument;
  readonly signal: CancelSignal;
  /** For all of it, in milliseconds. */
  readonly timeoutMs?: number;
}

/** An endpoint sends a file of some kilobytes. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** The bound of a trust bundle. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Much of a text from the network explains nothing more. */
const MAX_TEXT_CHARS = 200;

/**
 * What an endpoint answers.
 * @throws IdentityError `ERR_BUNDLE_ENDPOINT_UNTRUSTED`, `ERR_BUNDLE_ENDPOINT_UNAVAILABLE`, or `ERR_CANCELLED` by the
 *   signal.
 */
export async function fetchBundle(
  url: URL,
  { profile, readDocument, signal, timeoutMs = DEFAULT_TIMEOUT_MS }: FetchOptions,
): Promise<Buffer> {
  const failure = (code: ErrorCode, message: string, cause?: unknown): IdentityError =>
    new IdentityError(code, `bundle endpoint ${url.href}: ${message}`, { cause });
  if (profile.kind === 'https_spiffe' && profile.roots === undefined)
    throw failure(
      'ERR_BUNDLE_ENDPOINT_UNTRUSTED',
      'no trust bundle is known to verify its SVID by, expected one first',
    );
  let whyNot: string | undefined;
  const whyNotServer = (der: Buffer): string | undefined => {
    whyNot = profile.kind === 'https_spiffe' ? whyNotSvidOf(profile.spiffeId, der) : undefined;
    return whyNot;
  };
  try {
    return await readDocument({
      ...{ url, signal, timeoutMs, maxBytes: MAX_BODY_BYTES },
      rootsPem: profile.roots?.toPem(),
      whyNotServer: profile.kind === 'https_spiffe' ? whyNotServer : undefined,
    });
  } catch (error) {
    if (signal.isCancelled) throw failure('ERR_CANCELLED', 'cancelled', error);
    const reason = clipped(whyNot ?? messageOf(error), MAX_TEXT_CHARS);
    if (whyNot === undefined && !isOfTrust(error)) throw failure('ERR_BUNDLE_ENDPOINT_UNAVAILABLE', reason, error);
    throw failure('ERR_BUNDLE_ENDPOINT_UNTRUSTED', `its certificate is refused: ${reason}`, error);
  }
}

/** Its path has been verified by then. (SPIFFE X509-SVID §5.2) */
function whyNotSvidOf(spiffeId: string, der: Buffer): string | undefined {
  const facts = readFacts(new X509Certificate(der).raw);
  if (typeof facts === 'string') return `got ${facts}`;
  const uris = (facts.names ?? []).flatMap(({ tag, content }) =>
    tag === NameTag.uri ? content.toString('latin1') : [],
  );
  if (facts.isCa) return 'got a CA certificate, expected a leaf';
  if (uris.length === 1 && uris[0] === spiffeId) return undefined;
  return `got the URIs ${clipped(JSON.stringify(uris), MAX_TEXT_CHARS)}, expected ${spiffeId} alone`;
}

/** What OpenSSL and Node.js say of a certificate that does not verify, or is for another name. */
const TRUST_CODES =
  /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|ERR_TLS_CERT_|HOSTNAME_|ERROR_IN_CERT_)/;

function isOfTrust(error: unknown): boolean {
  return error instanceof Error && 'code' in error && TRUST_CODES.test(String(error.code));
}
