import { constants, type ServerHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { FRAME_PREFIX_BYTES, writeFramePrefix } from './framed-call.js';
import type { StatusText } from './status.js';

/** One unary call whose request has come whole: what {@link UnaryServer} hands to a method. */
export interface ServedCall {
  readonly request: Buffer;
  /** Which connection of its server it came by, counted from 1. */
  readonly connection: number;
  /** The values of a header, as they came; `name` in lower case. */
  metadata(name: string): readonly string[];
  /** Calls `listener` when the caller goes away before it has an answer. */
  onGone(listener: () => void): void;
  /** Ends the call with OK. Nothing happens when the caller has gone; so with {@link refuse}. */
  answer(message: Buffer): void;
  refuse(failure: StatusText): void;
}

export type UnaryMethod = (call: ServedCall) => void;

export interface ServedCallOptions {
  readonly rawHeaders: readonly string[];
  readonly connection: number;
  readonly maxReceiveBytes: number;
  readonly method: UnaryMethod;
}

const RESPONSE_HEADERS = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': 'identity',
} as const;

const OK_TRAILERS = { 'grpc-status': String(status.OK) };

/** No `date` header: nobody reads it, and it has to be made. */
const WITH_TRAILERS = { waitForTrailers: true, sendDate: false } as const;
const WITHOUT_TRAILERS = { endStream: true, sendDate: false } as const;

/** Where a stream of Node.js finds its call, so that its listeners are functions of all calls and not closures of each. */
const CALL = Symbol('call');

interface OwnedStream extends ServerHttp2Stream {
  [CALL]: Http2ServedCall;
}

/** A {@link ServedCall} on a stream of `node:http2`. Calls its method when the peer has half-closed. */
export class Http2ServedCall implements ServedCall {
  request: Buffer = Buffer.alloc(0);
  readonly #stream: ServerHttp2Stream;
  readonly #options: ServedCallOptions;
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #onGone = ignore;
  #isAnswered = false;

  constructor(stream: ServerHttp2Stream, options: ServedCallOptions) {
    this.#stream = stream;
    this.#options = options;
    const owned = Object.assign(stream, { [CALL]: this });
    owned.on('data', onData);
    owned.on('end', onEnd);
    owned.on('error', ignore);
    owned.on('close', onClose);
  }

  get connection(): number {
    return this.#options.connection;
  }

  metadata(name: string): readonly string[] {
    const { rawHeaders } = this.#options;
    return rawHeaders.filter((_value, at) => at % 2 === 1 && rawHeaders[at - 1] === name);
  }

  onGone(listener: () => void): void {
    this.#onGone = listener;
  }

  answer(message: Buffer): void {
    if (!this.#begin()) return;
    this.#stream.on('wantTrailers', onWantTrailers);
    this.#stream.respond(RESPONSE_HEADERS, WITH_TRAILERS);
    this.#stream.end(framed(message));
  }

  refuse(failure: StatusText): void {
    if (this.#begin()) this.#stream.respond({ ...RESPONSE_HEADERS, ...trailersOf(failure) }, WITHOUT_TRAILERS);
  }

  receive(bytes: Buffer): void {
    this.#bytes += bytes.length;
    this.#parts.push(bytes);
    if (this.#bytes <= FRAME_PREFIX_BYTES + this.#options.maxReceiveBytes) return;
    // Callers read it as RESOURCE_EXHAUSTED. A status would have to wait until they have sent the rest.
    this.#parts.length = 0;
    this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** The peer has sent all that it will. */
  halfClose(): void {
    if (this.#stream.closed) return;
    const bytes = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
    const message = readMessage(bytes ?? this.request);
    if (!Buffer.isBuffer(message)) {
      this.refuse(message);
      return;
    }
    this.request = message;
    this.#options.method(this);
  }

  close(): void {
    if (!this.#isAnswered) this.#onGone();
    this.#isAnswered = true;
  }

  /** False when there is nobody to answer, or has been already. */
  #begin(): boolean {
    if (this.#isAnswered || this.#stream.destroyed || this.#stream.closed) return false;
    this.#isAnswered = true;
    return true;
  }
}

/** The one message of a request, or why there is none. (gRPC over HTTP/2, "Length-Prefixed-Message") */
function readMessage(framed: Buffer): Buffer | StatusText {
  if (framed.length >= FRAME_PREFIX_BYTES && framed[0] !== 0) {
    return { code: status.UNIMPLEMENTED, details: 'compressed message, expected identity encoding' };
  }
  if (framed.length >= FRAME_PREFIX_BYTES && framed.readUInt32BE(1) === framed.length - FRAME_PREFIX_BYTES) {
    return framed.subarray(FRAME_PREFIX_BYTES);
  }
  return { code: status.INVALID_ARGUMENT, details: `request: got ${framed.length} bytes, expected one message` };
}

function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_PREFIX_BYTES + message.length);
  writeFramePrefix(frame, message.length);
  message.copy(frame, FRAME_PREFIX_BYTES);
  return frame;
}

/** What `grpc-message` may not hold as it is. (gRPC over HTTP/2, "Status-Message") */
const NOT_PLAIN = /[^\x20-\x24\x26-\x7e]+/g;

function trailersOf({ code, details }: StatusText): Record<string, string> {
  // Through a Buffer, since half a surrogate pair has no UTF-8.
  const message = Buffer.from(details).toString().replace(NOT_PLAIN, encodeURIComponent);
  return { 'grpc-status': String(code), 'grpc-message': message };
}

function onData(this: ServerHttp2Stream, bytes: Buffer): void {
  (this as OwnedStream)[CALL].receive(bytes);
}

function onEnd(this: ServerHttp2Stream): void {
  (this as OwnedStream)[CALL].halfClose();
}

function onClose(this: ServerHttp2Stream): void {
  (this as OwnedStream)[CALL].close();
}

function onWantTrailers(this: ServerHttp2Stream): void {
  this.sendTrailers(OK_TRAILERS);
}

/** A reset by the peer; `close` tells of it. */
function ignore(): void {}
