import { IdentityError } from '../errors/index.js';
import type { SotwRequest } from './subscription.js';
import { SECRET_TYPE_URL } from './type-url.js';
import { WireReader } from './wire-reader.js';

/** The largest request message that is worth reading: many times a real Envoy's first one, of 50 to 60 kB. */
export const MAX_REQUEST_BYTES = 1 << 20;

/** Names in one request. Envoy asks for one a stream; a proxy that puts all of a gateway on one stream has a thousand. */
const MAX_NAMES = 2048;

/** A SPIFFE ID has at most 2048 bytes (SPIFFE-ID §2.3), and is the longest name that we know. */
const MAX_NAME_BYTES = 2048;

/** Peers' texts in our logs and answers are cut here. */
const MAX_QUOTE_CHARS = 300;

/** Our own nonces have 27 bytes; an older server's may come back once. Longer ones match nothing, so they need not be kept. */
const MAX_NONCE_CHARS = 256;

/** Fields of `envoy.service.discovery.v3.DiscoveryRequest`. */
const Field = { versionInfo: 1, node: 2, resourceNames: 3, typeUrl: 4, responseNonce: 5, errorDetail: 6 } as const;

const TYPE_URL = Buffer.from(SECRET_TYPE_URL);

/** Field of `envoy.config.core.v3.Node`. */
const NODE_ID = 1;

/** Field of `google.rpc.Status`. */
const STATUS_MESSAGE = 2;

export interface DecodedRequest extends SotwRequest {
  /** What the peer calls itself. For logs only, never identity. Empty when absent: only the first request has to have it. */
  readonly nodeId: string;
  /** For logs only: an ACK is known by its nonce. */
  readonly version: string;
}

/**
 * Reads a request; all of `node` but its id is skipped unread.
 * @throws IdentityError `ERR_REQUEST_INVALID`: it does not parse, asks for another type, for too many names or a too long one.
 */
export function decodeRequest(bytes: Buffer): DecodedRequest {
  try {
    return read(new WireReader(bytes));
  } catch (error) {
    throw error instanceof RangeError ? unreadable(error) : error;
  }
}

/** The error for bytes that are no request. */
export function unreadable(cause: RangeError): IdentityError {
  const message = 'message: got bytes that do not parse, expected a DiscoveryRequest';
  return new IdentityError('ERR_REQUEST_INVALID', message, { cause });
}

/** The id in a node, of which the end may be missing; empty when it cannot be read. */
export function nodeIdOf(node: Buffer): string {
  const reader = new WireReader(node);
  try {
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === NODE_ID) return quote(reader.text());
    }
    return '';
  } catch (error) {
    if (error instanceof RangeError) return '';
    throw error;
  }
}

function read(reader: WireReader): DecodedRequest {
  const names: string[] = [];
  let nonce = '';
  let version = '';
  let nodeId = '';
  let foreignType = '';
  let error: string | undefined;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    switch (field) {
      case Field.versionInfo:
        version = quote(reader.text());
        break;
      case Field.node:
        nodeId = nodeIdOf(reader.value());
        break;
      case Field.resourceNames:
        addName(names, reader);
        break;
      case Field.typeUrl:
        foreignType = reader.is(TYPE_URL) ? '' : reader.text();
        break;
      case Field.responseNonce:
        nonce = reader.text().slice(0, MAX_NONCE_CHARS);
        break;
      case Field.errorDetail:
        error = quote(messageOf(new WireReader(reader.value())));
        break;
    }
  }
  // Left out means ours: the method implies the type. (xDS protocol, "Resource types")
  if (foreignType !== '') throw invalid(`type url: got ${quote(foreignType)}, expected ${SECRET_TYPE_URL}`);
  return { names: names.length < 2 ? names : [...new Set(names)], nonce, error, nodeId, version };
}

function addName(names: string[], reader: WireReader): void {
  if (names.length === MAX_NAMES) throw invalid(`resource names: got more than ${MAX_NAMES}, expected at most that`);
  if (reader.length > MAX_NAME_BYTES) {
    throw invalid(`resource name: got ${reader.length} bytes, expected at most ${MAX_NAME_BYTES}`);
  }
  names.push(reader.text());
}

function messageOf(status: WireReader): string {
  let message = '';
  for (let field = status.next(); field !== 0; field = status.next()) {
    if (field === STATUS_MESSAGE) message = status.text();
  }
  return message;
}

/** A peer's text on one line and of bounded length. */
function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get into a log or a trailer.
  return text === '' ? text : text.slice(0, MAX_QUOTE_CHARS).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
}

function invalid(message: string): IdentityError {
  return new IdentityError('ERR_REQUEST_INVALID', message);
}
