import { createHash } from 'node:crypto';
import { IdentityError } from '../errors/index.js';
import { envoy, FRAME_PREFIX_BYTES, google, writeFramePrefix } from '../rpc/index.js';
import type { ServedSecret } from './secret-source.js';
import type { NamedSecret } from './subscription.js';
import { SECRET_TYPE_URL } from './type-url.js';

const { DiscoveryResponse } = envoy.service.discovery.v3;
const { Secret } = envoy.extensions.transport_sockets.tls.v3;

/** Every nonce has this length, so that the length of a message is the same for all streams. */
export const NONCE_CHARS = 27;

/** As many as a secret's own version commonly has. */
const SET_VERSION_HEX_DIGITS = 16;

/** Field 2 of a message, length-delimited: `DiscoveryResponse.resources`, and `Any.value` too. */
const FIELD_2_BYTES = 0x12;

/** `DiscoveryResponse.nonce`: field 5, length-delimited. */
const NONCE_FIELD = Buffer.from([0x2a, NONCE_CHARS]);

const TAIL_BYTES = NONCE_FIELD.length + NONCE_CHARS;

const ANY_TYPE = google.protobuf.Any.encode({ type_url: SECRET_TYPE_URL }).finish();

/**
 * A response without its nonce, as the beginning of a gRPC frame: the same memory for every stream that it goes to. It
 * may hold a key, so it is wiped when the last stream has written it.
 */
export class SharedResponse {
  readonly head: Buffer;
  #users = 1;

  constructor(head: Buffer) {
    this.head = head;
  }

  /** One more will call {@link release}. */
  use(): this {
    this.#users += 1;
    return this;
  }

  /** The last one wipes it. */
  readonly release = (): void => {
    this.#users -= 1;
    if (this.#users === 0) this.head.fill(0);
  };
}

/**
 * Writes responses. A push to thousands of streams happens in a few turns of the event loop, so a response to one secret
 * is kept for the turn in which it was made, and each stream adds only its nonce: protobuf fields may come in any order.
 */
export class ResponseEncoder {
  readonly #common: Uint8Array;
  readonly #afterTurn: (act: () => void) => void;
  /** Of this turn: the responses with one secret, by its name. */
  readonly #shared = new Map<ServedSecret, Map<string, SharedResponse>>();

  constructor(controlPlaneIdentifier: string, afterTurn: (act: () => void) => void = setImmediate) {
    this.#afterTurn = afterTurn;
    this.#common = DiscoveryResponse.encode({
      typeUrl: SECRET_TYPE_URL,
      controlPlane: { identifier: controlPlaneIdentifier },
    }).finish();
  }

  /**
   * The response that holds `secrets`, of which there is at least one: Envoy takes an empty one for success. Whoever has
   * it calls {@link SharedResponse.release} once.
   */
  encode(secrets: readonly NamedSecret[]): SharedResponse {
    const [first, ...others] = secrets;
    if (first === undefined) throw new IdentityError('ERR_INTERNAL', 'response: got no secret, expected at least one');
    return others.length === 0 ? this.#ofOne(first).use() : new SharedResponse(this.#head(secrets));
  }

  #ofOne(named: NamedSecret): SharedResponse {
    if (this.#shared.size === 0) this.#afterTurn(this.#forget);
    let byName = this.#shared.get(named.secret);
    if (byName === undefined) {
      byName = new Map();
      this.#shared.set(named.secret, byName);
    }
    let response = byName.get(named.name);
    if (response === undefined) {
      response = new SharedResponse(this.#head([named]));
      byName.set(named.name, response);
    }
    return response;
  }

  readonly #forget = (): void => {
    for (const byName of this.#shared.values()) for (const response of byName.values()) response.release();
    this.#shared.clear();
  };

  #head(secrets: readonly NamedSecret[]): Buffer {
    const parts: Uint8Array[] = [new Uint8Array(FRAME_PREFIX_BYTES)];
    for (const { name, secret } of secrets) parts.push(resourceHead(name, secret.body.length), secret.body);
    parts.push(this.#common, DiscoveryResponse.encode({ versionInfo: versionOf(secrets) }).finish());
    const head = joined(parts);
    writeFramePrefix(head, head.length - FRAME_PREFIX_BYTES + TAIL_BYTES);
    return head;
  }
}

/** What comes after the head: the nonce, of {@link NONCE_CHARS} ASCII characters. */
export function encodeTail(nonce: string): Buffer {
  const tail = Buffer.allocUnsafe(TAIL_BYTES);
  NONCE_FIELD.copy(tail);
  tail.write(nonce, NONCE_FIELD.length, 'latin1');
  return tail;
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
