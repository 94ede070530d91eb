import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { CancelSignal } from '../../cancellation/index.js';
import { type ErrorCode, IdentityError } from '../../errors/index.js';
import type { TrustBundle } from '../../pki/spiffe/index.js';
import { NameTag, readFacts } from '../../pki/x509/index.js';
import { clipped } from '../../text/index.js';

/** How the server of an endpoint shows that it is the right one. (SPIFFE Federation §5.2) */
export type EndpointProfile =
  /** By a certificate of the web for its host name. `roots`: in place of those that Node.js trusts. */
  | { readonly kind: 'https_web'; readonly roots?: TrustBundle }
  /** By an X.509-SVID of this SPIFFE ID. `roots`: those of its trust domain, as they are known now. */
  | { readonly kind: 'https_spiffe'; readonly spiffeId: string; readonly roots: TrustBundle | undefined };

export interface FetchOptions {
  readonly profile: EndpointProfile;
  readonly signal: CancelSignal;
  /** For all of it, in milliseconds. */
  readonly timeoutMs?: number;
}

/** An endpoint sends a file of some kilobytes. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** The bound of a trust bundle. */
const MAX_BODY_BYTES = 1024 * 1024;

const NO_ROOTS = 'got no trust bundle to verify its SVID by, expected one from a file first';

/** Much of a text from the network explains nothing more. */
const MAX_TEXT_CHARS = 200;

/**
 * What an endpoint answers. No redirect is followed: it would lead to a host that is not configured. (SPIFFE
 * Federation §5.1)
 *
 * Rejects with an IdentityError: `ERR_BUNDLE_ENDPOINT_UNTRUSTED`, `ERR_BUNDLE_ENDPOINT_UNAVAILABLE`, or `ERR_CANCELLED`
 * by the signal.
 */
export function fetchBundle(
  url: URL,
  { profile, signal, timeoutMs = DEFAULT_TIMEOUT_MS }: FetchOptions,
): Promise<Buffer> {
  const fail = (code: ErrorCode, message: string, cause?: unknown): IdentityError =>
    new IdentityError(code, `bundle endpoint ${url.href}: ${message}`, { cause });
  if (profile.kind === 'https_spiffe' && profile.roots === undefined)
    return Promise.reject(fail('ERR_BUNDLE_ENDPOINT_UNTRUSTED', NO_ROOTS));
  return new Promise((resolve, reject) => {
    let whyUntrusted: string | undefined;
    const sent = request(url, {
      ...tlsOptions(url, profile, (why) => {
        whyUntrusted = why;
      }),
      agent: false,
      headers: { accept: 'application/json', 'accept-encoding': 'identity' },
    });
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      signal.delete(cancelled);
      sent.destroy();
      settle();
    };
    const unavailable = (got: string, cause?: unknown): void =>
      end(() => reject(fail('ERR_BUNDLE_ENDPOINT_UNAVAILABLE', `got ${got}, expected a SPIFFE bundle`, cause)));
    const timer = setTimeout(() => unavailable(`no whole answer within ${timeoutMs} ms`), timeoutMs);
    const cancelled = { cancel: () => end(() => reject(fail('ERR_CANCELLED', 'cancelled'))) };
    signal.add(cancelled);
    sent.on('error', (error) => {
      const reason = clipped(whyUntrusted ?? error.message, MAX_TEXT_CHARS);
      if (whyUntrusted === undefined && !isOfTrust(error)) unavailable(reason, error);
      else end(() => reject(fail('ERR_BUNDLE_ENDPOINT_UNTRUSTED', `its certificate is refused: ${reason}`, error)));
    });
    sent.on('response', (response) => {
      const { statusCode = 0 } = response;
      if (statusCode !== 200) unavailable(`HTTP status ${statusCode}`);
      else readBody(response, (body) => end(() => resolve(body)), unavailable);
    });
    sent.end();
    if (signal.isCancelled) cancelled.cancel();
  });
}

function readBody(
  response: IncomingMessage,
  done: (body: Buffer) => void,
  unavailable: (got: string, cause?: unknown) => void,
): void {
  const parts: Buffer[] = [];
  let bytes = 0;
  response.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) unavailable(`more than ${MAX_BODY_BYTES} bytes`);
    else parts.push(part);
  });
  response.on('error', (error) => unavailable(error.message, error));
  response.on('end', () => {
    if (response.complete) done(Buffer.concat(parts));
  });
}

function tlsOptions(url: URL, profile: EndpointProfile, untrusted: (why: string) => void): ConnectionOptions {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const options: ConnectionOptions = {
    ...(isIP(host) === 0 && { servername: host }),
    ...(profile.roots !== undefined && { ca: [profile.roots.toPem()] }),
    minVersion: 'TLSv1.2',
  };
  if (profile.kind === 'https_web') return options;
  return {
    ...options,
    checkServerIdentity(_host, { raw }) {
      const why = whyNotSvidOf(profile.spiffeId, raw);
      if (why === undefined) return undefined;
      untrusted(why);
      return new Error(why);
    },
  };
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

function isOfTrust(error: Error): boolean {
  return 'code' in error && typeof error.code === 'string' && TRUST_CODES.test(error.code);
}
