import { FRAME_PREFIX_BYTES } from '../../net/grpc/index.js';
import { field, fieldHead, numberField } from './protobuf-writer.js';

/** The one resource type of SDS. */
export const SECRET_TYPE_URL = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/** What an Envoy says when it rejects a secret: INTERNAL. (google.rpc.Code) */
const REJECTED = 13;

/** Of one made-up extension in a node: about what a real one takes. */
const EXTENSION_BYTES = 200;

/** Field numbers of DiscoveryRequest and of DeltaDiscoveryRequest. (envoy.service.discovery.v3) */
const SOTW = { version: 1, node: 2, names: 3, typeUrl: 4, nonce: 5, error: 6 } as const;
const DELTA = { node: 1, typeUrl: 2, names: 3, nonce: 6, error: 7 } as const;

/** One octet for the tag and one for the length: enough for all nonces and versions that are shorter than this. */
const SHORT_BYTES = 128;

/** A first request, in which only the node id, of ASCII, is another for each Envoy. */
interface FirstRequest {
  readonly head: Buffer;
  readonly nodeIdStart: number;
  readonly nodeIdLength: number;
  readonly totalBytes: number;
  readonly extensions: Buffer;
}

/** Writes the requests of one subscription, to one name. */
export class RequestWriter {
  private readonly fields: typeof SOTW | typeof DELTA;
  /** What every answer of this subscription begins with. */
  private readonly common: Buffer;
  readonly #first: Buffer;
  private template: FirstRequest | undefined;

  constructor(
    private readonly isDelta: boolean,
    name: string,
  ) {
    this.fields = isDelta ? DELTA : SOTW;
    const { typeUrl, names } = this.fields;
    this.#first = Buffer.concat([field(typeUrl, SECRET_TYPE_URL), field(names, name)]);
    // A delta ACK repeats no name: that would subscribe again.
    this.common = isDelta ? field(typeUrl, SECRET_TYPE_URL) : this.#first;
  }

  /**
   * The first request of a stream, as parts of one message. Its node is filled up with made-up extensions to
   * `totalBytes`, which are as many each time; a real Envoy's first request has 50 to 60 kB of them. `filler` gives
   * them, shared by all Envoys.
   */
  first(nodeId: string, totalBytes: number, filler: NodeFiller): Buffer[] {
    const template = this.templateFor(nodeId, totalBytes, filler);
    const head = Buffer.from(template.head);
    head.write(nodeId, template.nodeIdStart, 'latin1');
    return template.extensions.length === 0 ? [head] : [head, template.extensions];
  }

  /** Made once for all Envoys: their node ids have one length. */
  private templateFor(nodeId: string, totalBytes: number, filler: NodeFiller): FirstRequest {
    const known = this.template;
    if (known?.nodeIdLength === nodeId.length && known.totalBytes === totalBytes) return known;
    const identity = Buffer.concat([field(1, nodeId), field(2, 'fleet')]);
    const nodeField = this.fields.node;
    // The head of the node says its length, and is longer for a longer one.
    let room = totalBytes - this.#first.length;
    room -= fieldHead(nodeField, room - fieldHead(nodeField, room).length).length + identity.length;
    const extensions = filler.ofLength(room);
    const nodeHead = fieldHead(nodeField, identity.length + extensions.length);
    this.template = {
      head: Buffer.concat([this.#first, nodeHead, identity]),
      nodeIdLength: nodeId.length,
      totalBytes,
      nodeIdStart: this.#first.length + nodeHead.length + fieldHead(1, nodeId.length).length,
      extensions,
    };
    return this.template;
  }

  /** Answers a response: version and nonce are octets of `bytes`. There is room for the prefix of gRPC before it. */
  ack(bytes: Buffer, version: Span, nonce: Span): Buffer {
    const versionBytes = version.end - version.start;
    const nonceBytes = nonce.end - nonce.start;
    if (versionBytes >= SHORT_BYTES || nonceBytes >= SHORT_BYTES) return this.longAck(bytes, version, nonce);
    const withVersion = !this.isDelta && versionBytes > 0;
    const common = this.common;
    const length = common.length + (withVersion ? 2 + versionBytes : 0) + 2 + nonceBytes;
    const request = Buffer.allocUnsafe(FRAME_PREFIX_BYTES + length);
    let at = FRAME_PREFIX_BYTES;
    request.set(common, at);
    at += common.length;
    if (withVersion) {
      request[at] = SOTW.version * 8 + 2;
      request[at + 1] = versionBytes;
      bytes.copy(request, at + 2, version.start, version.end);
      at += 2 + versionBytes;
    }
    request[at] = this.fields.nonce * 8 + 2;
    request[at + 1] = nonceBytes;
    bytes.copy(request, at + 2, nonce.start, nonce.end);
    return request;
  }

  /** Rejects a response. The version is that of the last accepted one: none, as one that rejects, rejects all. */
  nack(bytes: Buffer, nonce: Span, message: string): Buffer {
    const error = Buffer.concat([numberField(1, REJECTED), field(2, message)]);
    const { nonce: nonceField, error: errorField } = this.fields;
    const nonceBytes = bytes.subarray(nonce.start, nonce.end);
    return withRoom(this.common, field(nonceField, nonceBytes), field(errorField, error));
  }

  private longAck(bytes: Buffer, version: Span, nonce: Span): Buffer {
    const versionField = this.isDelta ? [] : [field(SOTW.version, bytes.subarray(version.start, version.end))];
    const nonceField = field(this.fields.nonce, bytes.subarray(nonce.start, nonce.end));
    return withRoom(this.common, ...versionField, nonceField);
  }
}

/** Octets of a buffer, from `start` up to and without `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Makes the `extensions` of a node, and keeps them: there are as many lengths as there are names to subscribe to. */
export class NodeFiller {
  private readonly byLength = new Map<number, Buffer>();

  /** Exactly `length` octets, or none when there is not room for one extension. */
  ofLength(length: number): Buffer {
    if (length < EXTENSION_BYTES) return Buffer.alloc(0);
    let filler = this.byLength.get(length);
    if (filler === undefined) {
      filler = makeExtensions(length);
      this.byLength.set(length, filler);
    }
    return filler;
  }
}

function makeExtensions(length: number): Buffer {
  const extensions: Buffer[] = [];
  let missing = length;
  for (; missing >= 2 * EXTENSION_BYTES; missing -= EXTENSION_BYTES) extensions.push(makeExtension(EXTENSION_BYTES));
  return Buffer.concat([...extensions, makeExtension(missing)]);
}

/** `Node.extensions: Extension { category, name }` of 200 to 399 octets, tag and lengths included. */
function makeExtension(length: number): Buffer {
  const category = field(2, 'envoy.filters.http');
  // The tag and two octets of length, for the extension and for its name.
  const name = 'envoy.filters.http.made_up_'.padEnd(length - category.length - 6, 'x');
  return field(9, Buffer.concat([category, field(1, name)]));
}

function withRoom(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.alloc(FRAME_PREFIX_BYTES), ...parts]);
}
