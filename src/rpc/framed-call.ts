import { constants, type ServerHttp2Stream } from 'node:http2';
import { status } from '@grpc/grpc-js';
import type { StatusText } from './status.js';

/** What a call tells whoever serves it. All are called from the event loop, none after `gone`. */
export interface CallEvents {
  /**
   * The next bytes of a message, `isLast` with the end of it; a message that came whole is one part. They are the
   * caller's memory: read them now, keep a copy.
   */
  part(bytes: Buffer, isLast: boolean): void;
  /** The peer has sent all that it will. */
  halfClosed(): void;
  /** The call is over, whoever ended it. */
  gone(): void;
}

/** One call, as the bytes of its messages: what {@link FramedServer} hands to a method. */
export interface FramedCall {
  /** The values of the `authorization` metadata, as they came. */
  readonly authorization: readonly string[];
  /** Which connection of its server it came by, counted from 1. */
  readonly connection: number;
  /** Starts the reading. Until then what the peer sends stays within the flow-control window. */
  listen(events: CallEvents): void;
  /**
   * Sends one message: a frame of {@link framePrefix} and what belongs to it, in two pieces so that the first can be the
   * same memory for thousands of calls. `onWritten` is called once, when that memory is no longer needed: at once, if the
   * call is over.
   */
  send(head: Buffer, tail: Buffer, onWritten?: () => void): void;
  /** Ends the call: with OK, or with `failure`. What the peer sends from now on is thrown away. Safe to call twice. */
  end(failure?: StatusText): void;
}

/** A flag byte, and the length as four bytes. (gRPC over HTTP/2, "Length-Prefixed-Message") */
export const FRAME_PREFIX_BYTES = 5;

/** The prefix of an uncompressed message of `length` bytes, written to the start of `frame`. */
export function writeFramePrefix(frame: Buffer, length: number): void {
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(length, 1);
}

const RESPONSE_HEADERS = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': 'identity',
} as const;

/** No `date` header: nobody reads it, and it has to be made. */
const WITH_TRAILERS = { waitForTrailers: true, sendDate: false } as const;
const WITHOUT_TRAILERS = { endStream: true, sendDate: false } as const;

const OK: StatusText = { code: status.OK, details: '' };

const NOTHING = Buffer.alloc(0);

/** No message has begun. */
const BETWEEN = -1;

/** Where a stream of Node.js finds its call, so that its listeners are functions of all calls and not closures of each. */
const CALL = Symbol('call');

interface OwnedStream extends ServerHttp2Stream {
  [CALL]: Http2Call;
}

/** A {@link FramedCall} on a stream of `node:http2`. */
export class Http2Call implements FramedCall {
  readonly connection: number;
  readonly authorization: readonly string[];
  readonly #stream: ServerHttp2Stream;
  readonly #maxReceiveBytes: number;
  #events: CallEvents | undefined;
  /** What of a prefix has come, when it came in pieces. */
  #prefix: Buffer = NOTHING;
  /** Of the message that is being received. */
  #bytesLeft = BETWEEN;
  #hasResponded = false;
  #status: StatusText | undefined;

  constructor(
    stream: ServerHttp2Stream,
    rawHeaders: readonly string[],
    { connection, maxReceiveBytes }: { connection: number; maxReceiveBytes: number },
  ) {
    this.#stream = stream;
    this.#maxReceiveBytes = maxReceiveBytes;
    this.connection = connection;
    this.authorization = valuesOf('authorization', rawHeaders);
    const owned = Object.assign(stream, { [CALL]: this });
    owned.on('error', ignore);
    owned.on('close', onClose);
    owned.on('wantTrailers', onWantTrailers);
  }

  listen(events: CallEvents): void {
    this.#events = events;
    this.#stream.on('data', onData);
    this.#stream.on('end', onEnd);
  }

  send(head: Buffer, tail: Buffer, onWritten?: () => void): void {
    const stream = this.#stream;
    if (this.#status !== undefined || !isOpen(stream)) {
      onWritten?.();
      return;
    }
    if (!this.#hasResponded) {
      this.#hasResponded = true;
      stream.respond(RESPONSE_HEADERS, WITH_TRAILERS);
    }
    stream.cork();
    stream.write(head, onWritten);
    if (tail.length > 0) stream.write(tail);
    stream.uncork();
  }

  end(failure: StatusText = OK): void {
    if (this.#status !== undefined) return;
    this.#status = failure;
    const stream = this.#stream;
    if (!isOpen(stream)) return;
    // Unread, it would use up the window of the other calls of the connection.
    stream.resume();
    if (this.#hasResponded) {
      stream.end();
      return;
    }
    stream.respond({ ...RESPONSE_HEADERS, ...trailersOf(failure) }, WITHOUT_TRAILERS);
    setImmediate(closeWhenSent, stream, 1);
  }

  /** The last of the messages is out. */
  sendTrailers(): void {
    this.#stream.sendTrailers(trailersOf(this.#status ?? OK));
    if (!this.#stream.readableEnded) setImmediate(closeWhenSent, this.#stream, 1);
  }

  receive(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#status === undefined) {
      if (this.#bytesLeft === BETWEEN) {
        at = this.#readPrefix(chunk, at);
        continue;
      }
      const end = Math.min(chunk.length, at + this.#bytesLeft);
      this.#bytesLeft -= end - at;
      const isLast = this.#bytesLeft === 0;
      if (isLast) this.#bytesLeft = BETWEEN;
      this.#events?.part(chunk.subarray(at, end), isLast);
      at = end;
    }
  }

  halfClose(): void {
    if (this.#status !== undefined) return;
    if (this.#bytesLeft === BETWEEN && this.#prefix.length === 0) this.#events?.halfClosed();
    else this.#refuse({ code: status.INVALID_ARGUMENT, details: 'message: got its beginning, expected all of it' });
  }

  close(): void {
    this.#status ??= OK;
    const events = this.#events;
    this.#events = undefined;
    events?.gone();
  }

  /** Reads the prefix that begins at `at`, as far as it has come, and gives the place after it. */
  #readPrefix(chunk: Buffer, at: number): number {
    if (this.#prefix.length === 0 && chunk.length - at >= FRAME_PREFIX_BYTES) {
      this.#begin(chunk[at], chunk.readUInt32BE(at + 1));
      return at + FRAME_PREFIX_BYTES;
    }
    const prefix = Buffer.concat([this.#prefix, chunk.subarray(at, at + FRAME_PREFIX_BYTES - this.#prefix.length)]);
    const end = at + prefix.length - this.#prefix.length;
    this.#prefix = prefix.length < FRAME_PREFIX_BYTES ? prefix : NOTHING;
    if (prefix.length === FRAME_PREFIX_BYTES) this.#begin(prefix[0], prefix.readUInt32BE(1));
    return end;
  }

  #begin(flags: number | undefined, length: number): void {
    if (flags !== 0) {
      this.#refuse({ code: status.UNIMPLEMENTED, details: 'compressed message, expected identity encoding' });
    } else if (length > this.#maxReceiveBytes) {
      const details = `message: got ${length} bytes, expected at most ${this.#maxReceiveBytes}`;
      this.#refuse({ code: status.RESOURCE_EXHAUSTED, details });
    } else if (length === 0) {
      this.#events?.part(NOTHING, true);
    } else {
      this.#bytesLeft = length;
    }
  }

  /** Ends the call for the peer's fault, and tells so as if the peer had ended it. */
  #refuse(failure: StatusText): void {
    this.end(failure);
    const events = this.#events;
    this.#events = undefined;
    events?.gone();
  }
}

/** All values of a header, of which the object of headers may have the first only; `rawHeaders` are names and values in turn. */
function valuesOf(name: string, rawHeaders: readonly string[]): readonly string[] {
  return rawHeaders.filter((_value, at) => at % 2 === 1 && rawHeaders[at - 1] === name);
}

/** A peer may reset a stream before we hear of its beginning, and Node.js throws at whoever answers it then. */
export function isOpen(stream: ServerHttp2Stream): boolean {
  return !stream.destroyed && !stream.closed;
}

/** What `grpc-message` may not hold as it is. (gRPC over HTTP/2, "Status-Message") */
const NOT_PLAIN = /[^\x20-\x24\x26-\x7e]+/g;

function trailersOf({ code, details }: StatusText): Record<string, string> {
  const trailers = { 'grpc-status': String(code) };
  if (details === '') return trailers;
  // Through a Buffer, since half a surrogate pair has no UTF-8.
  const message = Buffer.from(details).toString().replace(NOT_PLAIN, encodeURIComponent);
  return { ...trailers, 'grpc-message': message };
}

/** Turns of the event loop in which the trailers have gone, unless the peer reads slowly; and how soon then to look again. */
const TRAILERS_TURNS = 4;
const TRAILERS_CHECK_MS = 1000;

/**
 * Tells a peer that has not half-closed that nobody listens any more, so that the stream ends on both sides (RFC 9113
 * §8.1). Only after the trailers: a reset overtakes what is not yet sent.
 */
function closeWhenSent(stream: ServerHttp2Stream, turn: number): void {
  if (!isOpen(stream)) return;
  if (stream.state.localClose === 1) stream.close(constants.NGHTTP2_NO_ERROR);
  else if (turn < TRAILERS_TURNS) setImmediate(closeWhenSent, stream, turn + 1);
  else setTimeout(closeWhenSent, TRAILERS_CHECK_MS, stream, turn).unref();
}

function onData(this: ServerHttp2Stream, chunk: Buffer): void {
  (this as OwnedStream)[CALL].receive(chunk);
}

function onEnd(this: ServerHttp2Stream): void {
  (this as OwnedStream)[CALL].halfClose();
}

function onClose(this: ServerHttp2Stream): void {
  (this as OwnedStream)[CALL].close();
}

function onWantTrailers(this: ServerHttp2Stream): void {
  (this as OwnedStream)[CALL].sendTrailers();
}

/** A reset by the peer; `close` tells of it. */
function ignore(): void {}
