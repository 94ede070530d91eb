import { createHash } from 'node:crypto';
import { IdentityError } from '../errors/index.js';
import { envoy, google } from '../rpc/index.js';
import type { ServedSecret } from './secret-source.js';
import type { NamedSecret, SotwRequest } from './subscription.js';

const { DiscoveryRequest, DiscoveryResponse } = envoy.service.discovery.v3;
const { Secret } = envoy.extensions.transport_sockets.tls.v3;

/** The one resource type of SDS. */
export const SECRET_TYPE_URL = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/**
 * The largest request message that is worth reading, for `createGrpcServer`. A real Envoy's first one is 50 to 60 kB, nearly all of it
 * its list of extensions.
 */
export const MAX_REQUEST_BYTES = 1 << 20;

/** Names in one request. Envoy asks for one a stream; a proxy that puts all of a gateway on one stream has a thousand. */
const MAX_NAMES = 2048;

/** A SPIFFE ID has at most 2048 bytes (SPIFFE-ID §2.3), and is the longest name that we know. */
const MAX_NAME_BYTES = 2048;

/** As many as a secret's own version commonly has. */
const SET_VERSION_HEX_DIGITS = 16;

/** Peers' texts in our logs and answers are cut here. */
const MAX_QUOTE_CHARS = 300;

/** Our own nonces have 20 bytes; an older server's may come back once. Longer ones match nothing, so they need not be kept. */
const MAX_NONCE_CHARS = 256;

/** Field 2 of a message, length-delimited: `DiscoveryResponse.resources`, and `Any.value` too. */
const FIELD_2_BYTES = 0x12;

const ANY_TYPE = google.protobuf.Any.encode({ type_url: SECRET_TYPE_URL }).finish();

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
  const request = parse(bytes);
  // Left out means ours: the method implies the type. (xDS protocol, "Resource types")
  if (request.typeUrl !== '' && request.typeUrl !== SECRET_TYPE_URL) {
    throw invalid(`type url: got ${quote(request.typeUrl)}, expected ${SECRET_TYPE_URL}`);
  }
  if (request.resourceNames.length > MAX_NAMES) {
    throw invalid(`resource names: got ${request.resourceNames.length}, expected at most ${MAX_NAMES}`);
  }
  const tooLong = request.resourceNames.find((name) => Buffer.byteLength(name) > MAX_NAME_BYTES);
  if (tooLong !== undefined) {
    throw invalid(`resource name: got ${Buffer.byteLength(tooLong)} bytes, expected at most ${MAX_NAME_BYTES}`);
  }
  const error = request.errorDetail;
  return {
    names: request.resourceNames.length === 1 ? request.resourceNames : [...new Set(request.resourceNames)],
    nonce: request.responseNonce.slice(0, MAX_NONCE_CHARS),
    error: error === null || error === undefined ? undefined : quote(error.message ?? ''),
    nodeId: quote(request.node?.id ?? ''),
    version: quote(request.versionInfo),
  };
}

/**
 * Writes responses. What all responses have in common is encoded once, and what stands around a secret's body once per
 * secret; a push copies these, the body and the nonce into a message, as protobuf fields may come in any order.
 * No copy of a body, which may hold a key, is kept.
 */
export class ResponseEncoder {
  readonly #common: Uint8Array;
  readonly #heads = new WeakMap<ServedSecret, Map<string, Uint8Array>>();

  constructor(controlPlaneIdentifier: string) {
    this.#common = DiscoveryResponse.encode({
      typeUrl: SECRET_TYPE_URL,
      controlPlane: { identifier: controlPlaneIdentifier },
    }).finish();
  }

  /** The response that holds `secrets`, of which there is at least one: Envoy takes an empty one for success. */
  encode(secrets: readonly NamedSecret[], nonce: string): Buffer {
    if (secrets.length === 0) throw new IdentityError('ERR_INTERNAL', 'response: got no secret, expected at least one');
    const parts: Uint8Array[] = [];
    for (const { name, secret } of secrets) parts.push(this.#headOf(name, secret), secret.body);
    parts.push(this.#common, DiscoveryResponse.encode({ versionInfo: versionOf(secrets), nonce }).finish());
    return joined(parts);
  }

  #headOf(name: string, secret: ServedSecret): Uint8Array {
    let byName = this.#heads.get(secret);
    if (byName === undefined) {
      byName = new Map();
      this.#heads.set(secret, byName);
    }
    let head = byName.get(name);
    if (head === undefined) {
      head = resourceHead(name, secret.body.length);
      byName.set(name, head);
    }
    return head;
  }
}

/** What comes before the body of one resource: `resources: Any { type_url, value: Secret { name, … } }`. */
function resourceHead(name: string, bodyLength: number): Uint8Array {
  const secretName = Secret.encode({ name }).finish();
  const value = [FIELD_2_BYTES, ...varint(secretName.length + bodyLength)];
  const anyLength = ANY_TYPE.length + value.length + secretName.length + bodyLength;
  return joined([Uint8Array.of(FIELD_2_BYTES, ...varint(anyLength)), ANY_TYPE, Uint8Array.from(value), secretName]);
}

/** Base 128, least significant group first. (Protocol Buffers, "Encoding") */
function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** In memory of its own, not of the shared pool: slices of that are handed out again, and this may hold a key. */
function joined(parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = Buffer.allocUnsafeSlow(length);
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}

/** Says what is in the response, equal for equal content whatever the order: a lone secret's own version, else a hash over all. */
function versionOf(secrets: readonly NamedSecret[]): string {
  const [first, ...others] = secrets;
  if (first !== undefined && others.length === 0) return first.secret.version;
  const lines = secrets.map(({ name, secret }) => JSON.stringify([name, secret.version])).sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, SET_VERSION_HEX_DIGITS);
}

function parse(bytes: Buffer) {
  try {
    return DiscoveryRequest.decode(bytes);
  } catch (cause) {
    throw new IdentityError(
      'ERR_REQUEST_INVALID',
      'message: got bytes that do not parse, expected a DiscoveryRequest',
      { cause },
    );
  }
}

/** A peer's text on one line and of bounded length. */
function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get into a log or a trailer.
  return text.slice(0, MAX_QUOTE_CHARS).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
}

function invalid(message: string): IdentityError {
  return new IdentityError('ERR_REQUEST_INVALID', message);
}
