import { hash } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';
import { FRAME_PREFIX_BYTES, writeFramePrefix } from '../../net/grpc/index.js';
import { textFieldBytes, WireWriter } from '../../net/protobuf/index.js';
import { SharedBytes } from '../../system/secret-memory/index.js';
import { type Content, type Contents, REMOVED } from './contents.js';
import { encodeRemoval, type ResponseLayout, VERSION_KEY } from './response-layout.js';
import type { ServedSecret } from './secret-source.js';
import type { NamedSecret, Sending } from './sending.js';

/** Every nonce has this length, so that the length of a message is the same for all streams. */
export const NONCE_CHARS = 27;

/** As many as a secret's own version commonly has. */
const SET_VERSION_HEX_DIGITS = 16;

/** The nonce of a response, of either form: field 5, length-delimited. */
const NONCE_FIELD = Buffer.from([0x2a, NONCE_CHARS]);

const TAIL_BYTES = NONCE_FIELD.length + NONCE_CHARS;

const TAIL = Buffer.concat([NONCE_FIELD], TAIL_BYTES);

/**
 * A response without its nonce, as the beginning of a gRPC frame: the same memory for every stream that it goes to. It
 * may hold a key: it is wiped when the last stream has written it.
 */
class SharedResponse extends SharedBytes {
  /** What is in it; outlives the memory. */
  readonly contents: Contents;

  constructor(head: Buffer, contents: Contents) {
    super(head);
    this.contents = contents;
  }

  get head(): Buffer {
    return this.bytes;
  }
}

/**
 * Writes responses. A push to thousands of streams happens in a few turns of the event loop, so a response is kept for
 * the turn in which it was made, and each stream adds only its nonce: protobuf fields may come in any order.
 */
export class ResponseEncoder {
  private readonly layout: ResponseLayout;
  private readonly afterTurn: (act: () => void) => void;
  /** Of this turn: the responses with one secret, by its name. */
  private readonly ofOne = new Map<ServedSecret, Map<string, SharedResponse>>();
  /** Of this turn: the responses with several, by names and versions. */
  private readonly ofSets = new Map<string, SharedResponse>();

  constructor(layout: ResponseLayout, afterTurn: (act: () => void) => void = setImmediate) {
    this.layout = layout;
    this.afterTurn = afterTurn;
  }

  /**
   * The response for `sending`, to be followed by a tail. Its holder calls {@link SharedResponse.release} once.
   * @throws IdentityError `ERR_INTERNAL`: there is nothing in it, which Envoy would take for success.
   */
  encode({ secrets, removed }: Sending): SharedResponse {
    const [first, ...others] = secrets;
    if (first === undefined) return this.removal(removed);
    if (this.ofOne.size + this.ofSets.size === 0) this.afterTurn(this.forget);
    return (others.length === 0 ? this.withOne(first) : this.withSeveral(secrets)).use();
  }

  /** The whole of a response that has no nonce, with its frame, and of one user. */
  encodeWhole(secrets: readonly NamedSecret[]): SharedResponse {
    return new SharedResponse(this.write(secrets, 0), contentsOf(secrets));
  }

  private withOne(named: NamedSecret): SharedResponse {
    let byName = this.ofOne.get(named.secret);
    if (byName === undefined) {
      byName = new Map();
      this.ofOne.set(named.secret, byName);
    }
    let response = byName.get(named.name);
    if (response === undefined) {
      response = new SharedResponse(this.write([named], TAIL_BYTES), contentsOf([named]));
      byName.set(named.name, response);
    }
    return response;
  }

  private withSeveral(secrets: readonly NamedSecret[]): SharedResponse {
    const key = secrets.map(lineOf).join('\n');
    let response = this.ofSets.get(key);
    if (response === undefined) {
      response = new SharedResponse(this.write(secrets, TAIL_BYTES), contentsOf(secrets));
      this.ofSets.set(key, response);
    }
    return response;
  }

  private removal(names: readonly string[]): SharedResponse {
    if (names.length === 0) throw new IdentityError('ERR_INTERNAL', 'response: got nothing to tell, expected a secret');
    const head = Buffer.concat([new Uint8Array(FRAME_PREFIX_BYTES), encodeRemoval(this.layout, names)]);
    writeFramePrefix(head, head.length - FRAME_PREFIX_BYTES + TAIL_BYTES);
    return new SharedResponse(head, new Map(names.map((name) => [name, REMOVED])));
  }

  private readonly forget = (): void => {
    for (const byName of this.ofOne.values()) for (const response of byName.values()) response.release();
    for (const response of this.ofSets.values()) response.release();
    this.ofOne.clear();
    this.ofSets.clear();
  };

  private write(secrets: readonly NamedSecret[], tailBytes: number): Buffer {
    const layout = this.layout;
    const version = versionOf(secrets);
    const resources = secrets.map(({ name, secret }) => ({ name, version: secret.version, body: secret.body }));
    let length = FRAME_PREFIX_BYTES + layout.common.length + textFieldBytes(version);
    for (const resource of resources) length += layout.resourceBytes(resource);
    // Of its own, not of the shared pool: slices of that are handed out again, and this may hold a key.
    const head = Buffer.allocUnsafeSlow(length);
    writeFramePrefix(head, length - FRAME_PREFIX_BYTES + tailBytes);
    const writer = new WireWriter(head, FRAME_PREFIX_BYTES);
    for (const resource of resources) layout.writeResource(writer, resource);
    writer.put(layout.common);
    writer.text(VERSION_KEY, version);
    return head;
  }
}

/**
 * What comes after the head: the nonce, of {@link NONCE_CHARS} ASCII characters. Always the same memory, until the next
 * call.
 */
export function encodeTail(nonce: string): Buffer {
  for (let index = 0; index < nonce.length; index += 1) TAIL[NONCE_FIELD.length + index] = nonce.charCodeAt(index);
  return TAIL;
}

/**
 * Says what is in a response, equal for equal content whatever the order: a lone secret's own version, else a hash over
 * all.
 */
export function versionOf(secrets: readonly NamedSecret[]): string {
  const [first, ...others] = secrets;
  if (first !== undefined && others.length === 0) return first.secret.version;
  const lines = secrets.map(lineOf).sort();
  return hash('sha256', lines.join('\n')).slice(0, SET_VERSION_HEX_DIGITS);
}

function lineOf({ name, secret }: NamedSecret): string {
  return JSON.stringify([name, secret.version]);
}

function contentsOf(secrets: readonly NamedSecret[]): Contents {
  return new Map<string, Content>(secrets.map(({ name, content }) => [name, content]));
}
