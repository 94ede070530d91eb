import { IdentityError } from '../../errors/index.js';
import { WireReader } from '../../net/protobuf/index.js';
import { quote } from './quote.js';
import type { RequestFields } from './request-fields.js';
import type { XdsRequest } from './subscription-state.js';
import { SECRET_TYPE_URL } from './type-url.js';
import { NO_NAMES } from './wanted-names.js';

/** The largest request message that is worth reading: many times a real Envoy's first one, of 50 to 60 kB. */
export const MAX_REQUEST_BYTES = 1 << 20;

/**
 * Names of one stream. Envoy asks for one a stream; a proxy that puts all of a gateway on one stream has a thousand.
 */
export const MAX_NAMES = 2048;

/** A SPIFFE ID has at most 2048 bytes (SPIFFE-ID §2.3), and is the longest name that we know. */
export const MAX_NAME_BYTES = 2048;

/**
 * Our own nonces have 27 bytes; an older server's may come back once. Longer ones match nothing, so they need not be
 * kept.
 */
const MAX_NONCE_CHARS = 256;

/** Stands for "all" in xDS. No stream gets all secrets: it names none. */
const WILDCARD = Buffer.from('*');

const TYPE_URL = Buffer.from(SECRET_TYPE_URL);

/** Field of `envoy.config.core.v3.Node`. */
const NODE_ID = 1;

/** Field of `google.rpc.Status`. */
const STATUS_MESSAGE = 2;

export interface DecodedRequest extends XdsRequest {
  /** The type asked for, when it is not that of secrets; `''` else, also when none is named. */
  readonly foreignType: string;
  readonly hasType: boolean;
  /**
   * What the peer calls itself. For logs only, never identity. Empty when absent: only the first request has to have
   * it.
   */
  readonly nodeId: string;
  /** For logs only: an ACK is known by its nonce. */
  readonly version: string;
}

/**
 * Reads a request; all of `node` but its id is skipped unread. One for another type has no names, however many it says.
 * @throws IdentityError `ERR_REQUEST_INVALID`: it does not parse, or asks for too many names or a too long one.
 */
export function decodeRequest(bytes: Buffer, fields: RequestFields): DecodedRequest {
  try {
    return read(new WireReader(bytes), fields);
  } catch (error) {
    throw error instanceof RangeError ? unreadable(error) : error;
  }
}

/** The error for bytes that are no request. */
export function unreadable(cause: RangeError): IdentityError {
  const message = 'message: got bytes that do not parse, expected a DiscoveryRequest';
  return new IdentityError('ERR_REQUEST_INVALID', message, { cause });
}

/** The error for a name too many; @see MAX_NAMES. */
export function tooManyNames(): IdentityError {
  return invalid(`resource names: got more than ${MAX_NAMES}, expected at most that`);
}

/** The error for a name of that many bytes; @see MAX_NAME_BYTES. */
export function tooLongName(byteCount: number): IdentityError {
  return invalid(`resource name: got ${byteCount} bytes, expected at most ${MAX_NAME_BYTES}`);
}

/** The error for a request of another type. */
export function wrongType(typeUrl: string): IdentityError {
  return invalid(`type url: got ${typeUrl === '' ? 'none' : typeUrl}, expected ${SECRET_TYPE_URL}`);
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

function read(reader: WireReader, fields: RequestFields): DecodedRequest {
  let names = new NameList();
  const unsubscribed = fields.unsubscribed === 0 ? undefined : new NameList();
  let nonce = '';
  let version = '';
  let nodeId = '';
  let hasType = false;
  let foreignType = '';
  let error: string | undefined;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === fields.names) {
      names.add(reader);
    } else if (field === fields.nonce) {
      nonce = reader.text().slice(0, MAX_NONCE_CHARS);
    } else if (field === fields.typeUrl) {
      hasType = reader.length > 0;
      foreignType = reader.is(TYPE_URL) ? '' : quote(reader.text());
    } else if (field === fields.version) {
      version = quote(reader.text());
    } else if (field === fields.error) {
      error = quote(messageOf(new WireReader(reader.value())));
    } else if (field === fields.node) {
      nodeId = nodeIdOf(reader.value());
    } else if (field === fields.unsubscribed) {
      unsubscribed?.add(reader);
    }
  }
  // The type may come last, and of others a stream may want more than we take of ours.
  if (foreignType !== '') names = new NameList();
  return {
    names: names.list(),
    unsubscribed: foreignType !== '' || unsubscribed === undefined ? NO_NAMES : unsubscribed.list(),
    ...{ nonce, error, nodeId, version, hasType, foreignType },
  };
}

/** The names of a request, each once, in their order. */
class NameList {
  private names: string[] | undefined;
  private problem: IdentityError | undefined;

  add(reader: WireReader): void {
    this.names ??= [];
    if (this.names.length === MAX_NAMES) this.problem ??= tooManyNames();
    else if (reader.length > MAX_NAME_BYTES) this.problem ??= tooLongName(reader.length);
    else if (!reader.is(WILDCARD)) this.names.push(reader.text());
  }

  /** @throws IdentityError `ERR_REQUEST_INVALID`: there are too many, or one is too long. */
  list(): readonly string[] {
    if (this.problem !== undefined) throw this.problem;
    if (this.names === undefined) return NO_NAMES;
    return this.names.length < 2 ? this.names : [...new Set(this.names)];
  }
}

function messageOf(status: WireReader): string {
  let message = '';
  for (let field = status.next(); field !== 0; field = status.next()) {
    if (field === STATUS_MESSAGE) message = status.text();
  }
  return message;
}

function invalid(message: string): IdentityError {
  return new IdentityError('ERR_REQUEST_INVALID', message);
}
