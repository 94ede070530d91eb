import {
  encodeHeaderBlock,
  type RequestHead,
  type ServerStream,
  type StreamEvents,
  uint32,
  type WirePeer,
} from '../http2/index.js';
import type { Expiring } from './call-deadlines.js';
import type { HeldBytes } from './held-bytes.js';
import type { StatusText } from './status.js';
import { status } from './status-code.js';

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
  /** The values of any header, as they came; `name` in lower case. */
  metadata(name: string): readonly string[];
  /** Lets go of the metadata, with the caller's token in it: from now on there is none. For calls that stay for days. */
  forgetMetadata(): void;
  /** Which connection of its server it came by, counted from 1. */
  readonly connection: number;
  /** Who is at the other end of that; `undefined` where nobody can tell. */
  readonly peer: WirePeer | undefined;
  /** Says who listens; within the function that was handed the call, for what the peer sends is not kept for later. */
  listen(events: CallEvents): void;
  /**
   * Sends one message: a frame of {@link writeFramePrefix} and what belongs to it, in two pieces so that the first can be the
   * same memory for thousands of calls; of the second a copy is kept if need be. `onWritten` is called once, when the memory of
   * the first is no longer needed: at once, if the call is over.
   */
  send(head: Buffer, tail: Buffer, onWritten?: () => void): void;
  /**
   * Tells how much memory is kept of a message that has not come whole; to be called within `part`, when that has changed.
   * A call whose peer fills the memory so is ended with RESOURCE_EXHAUSTED, and `gone` told at once.
   */
  holds(bytes: number): void;
  /** Counts what a message of the peer makes of work, beyond that of any message: as {@link ServerStream.charge} has it. */
  charge(cost: number, work: number): void;
  /** Ends the call: with OK, or with `failure`. What the peer sends from now on is thrown away. Safe to call twice. */
  end(failure?: StatusText): void;
}

/** A flag byte, and the length as four bytes. (gRPC over HTTP/2, "Length-Prefixed-Message") */
export const FRAME_PREFIX_BYTES = 5;

/** The prefix of an uncompressed message of `length` bytes, written to the start of `frame`. */
export function writeFramePrefix(frame: Buffer, length: number): void {
  frame[0] = 0;
  frame[1] = length >>> 24;
  frame[2] = length >>> 16;
  frame[3] = length >>> 8;
  frame[4] = length;
}

/** Sends `message`, which has no frame yet. `onWritten` as of {@link FramedCall.send}. */
export function sendMessage(call: Pick<FramedCall, 'send'>, message: Buffer, onWritten?: () => void): void {
  call.send(framed(message), NOTHING, onWritten);
}

/** `message` with its prefix, in memory of its own. */
export function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_PREFIX_BYTES + message.length);
  writeFramePrefix(frame, message.length);
  frame.set(message, FRAME_PREFIX_BYTES);
  return frame;
}

const RESPONSE_FIELDS = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['grpc-accept-encoding', 'identity'],
] as const;

const RESPONSE_HEAD = encodeHeaderBlock(RESPONSE_FIELDS);

const OK: StatusText = { code: status.OK, details: '' };

const OK_TRAILERS = encodeHeaderBlock(trailersOf(OK));

const NOTHING = Buffer.alloc(0);

const NO_FIELDS: RequestHead['fields'] = [];

/** No message has begun. */
const BETWEEN = -1;

/** What a server keeps of all its calls together. */
export interface CallBook {
  /** A larger message ends its call. */
  readonly maxReceiveBytes: number;
  /** What is kept of messages that have not come whole. */
  readonly held: Pick<HeldBytes, 'change'>;
  /** A call is there. */
  opened(): void;
  /** It is no more. */
  closed(call: Http2Call): void;
  /** It ends at the latest at its `endsAtMs`. */
  limited(call: Http2Call): void;
  /** A message has begun, and is still to be ended. */
  began(call: Http2Call): void;
  /** It has, or its call is over. */
  ended(call: Http2Call): void;
}

/** A {@link FramedCall} on a stream of HTTP/2. */
export class Http2Call implements FramedCall, StreamEvents, Expiring {
  private readonly stream: ServerStream;
  private fields: RequestHead['fields'];
  private readonly book: CallBook;
  private events: CallEvents | undefined;
  /** What of a prefix has come, when it came in pieces. */
  private prefix: Buffer = NOTHING;
  /** Of the message that is being received. */
  private bytesLeft = BETWEEN;
  private heldBytes = 0;
  /** The book knows that a message has begun. */
  private isBegun = false;
  private hasResponded = false;
  private isOver = false;
  /** On the clock of `performance.now()`. */
  endsAtMs = Number.POSITIVE_INFINITY;

  constructor(stream: ServerStream, head: RequestHead, book: CallBook) {
    this.stream = stream;
    this.fields = head.fields;
    this.book = book;
    book.opened();
    stream.events = this;
  }

  get authorization(): readonly string[] {
    return this.metadata('authorization');
  }

  metadata(name: string): readonly string[] {
    const values: string[] = [];
    for (let index = 0; index < this.fields.length; index += 1) {
      const field = this.fields[index];
      if (field?.[0] === name) values.push(field[1]);
    }
    return values;
  }

  forgetMetadata(): void {
    this.fields = NO_FIELDS;
  }

  get connection(): number {
    return this.stream.connectionNumber;
  }

  get peer(): WirePeer | undefined {
    return this.stream.peer;
  }

  listen(events: CallEvents): void {
    if (!this.isOver) this.events = events;
  }

  holds(bytes: number): void {
    if (this.isOver || bytes === this.heldBytes) return;
    const before = this.heldBytes;
    this.heldBytes = bytes;
    if (this.book.held.change(this.connection, before, bytes)) return;
    this.refuse({ code: status.RESOURCE_EXHAUSTED, details: 'message: got the beginnings of too many' });
  }

  charge(cost: number, work: number): void {
    this.stream.charge(cost, work);
  }

  /** The peer has begun a message, and does not end it. */
  expireMessage(): void {
    this.refuse({ code: status.DEADLINE_EXCEEDED, details: 'message: got its beginning, and waited for its end' });
  }

  /** Ends the call when the caller's own deadline has passed, for the caller may be unable to tell. */
  endAfter(milliseconds: number): void {
    this.endsAtMs = performance.now() + milliseconds;
    this.book.limited(this);
  }

  /** Its deadline has passed. */
  expire(): void {
    this.end({ code: status.DEADLINE_EXCEEDED, details: 'deadline exceeded' });
  }

  send(head: Buffer, tail: Buffer, onWritten?: () => void): void {
    if (this.isOver) {
      onWritten?.();
      return;
    }
    if (!this.hasResponded) {
      this.hasResponded = true;
      this.stream.begin(RESPONSE_HEAD);
    }
    this.stream.send(head, tail, onWritten);
  }

  end(failure: StatusText = OK): void {
    if (this.isOver) return;
    this.over();
    const trailers = failure === OK ? OK_TRAILERS : encodeHeaderBlock(trailersOf(failure));
    if (this.hasResponded) this.stream.end(trailers);
    else this.stream.respond(encodeHeaderBlock([...RESPONSE_FIELDS, ...trailersOf(failure)]));
  }

  data(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end && !this.isOver) {
      if (this.bytesLeft === BETWEEN) {
        at = this.readPrefix(bytes, at, end);
        continue;
      }
      const partEnd = Math.min(end, at + this.bytesLeft);
      this.bytesLeft -= partEnd - at;
      const isLast = this.bytesLeft === 0;
      if (isLast) this.bytesLeft = BETWEEN;
      this.events?.part(bytes.subarray(at, partEnd), isLast);
      at = partEnd;
    }
    this.noteUnfinished();
  }

  ended(): void {
    if (this.isOver) return;
    if (this.bytesLeft === BETWEEN && this.prefix.length === 0) this.events?.halfClosed();
    else this.refuse({ code: status.INVALID_ARGUMENT, details: 'message: got its beginning, expected all of it' });
  }

  closed(): void {
    this.over();
    this.book.closed(this);
    const events = this.events;
    this.events = undefined;
    events?.gone();
  }

  /** Reads the prefix that begins at `at`, as far as it has come, and gives the place after it. */
  private readPrefix(bytes: Buffer, at: number, end: number): number {
    if (this.prefix.length === 0 && end - at >= FRAME_PREFIX_BYTES) {
      this.begin(bytes[at], uint32(bytes, at + 1));
      return at + FRAME_PREFIX_BYTES;
    }
    const prefixEnd = Math.min(end, at + FRAME_PREFIX_BYTES - this.prefix.length);
    const prefix = Buffer.concat([this.prefix, bytes.subarray(at, prefixEnd)]);
    this.prefix = prefix.length < FRAME_PREFIX_BYTES ? prefix : NOTHING;
    if (prefix.length === FRAME_PREFIX_BYTES) this.begin(prefix[0], uint32(prefix, 1));
    return prefixEnd;
  }

  private begin(flags: number | undefined, length: number): void {
    this.stream.charge();
    if (flags !== 0) {
      this.refuse({ code: status.UNIMPLEMENTED, details: 'compressed message, expected identity encoding' });
    } else if (length > this.book.maxReceiveBytes) {
      const details = `message: got ${length} bytes, expected at most ${this.book.maxReceiveBytes}`;
      this.refuse({ code: status.RESOURCE_EXHAUSTED, details });
    } else if (length === 0) {
      this.events?.part(NOTHING, true);
    } else {
      this.bytesLeft = length;
    }
  }

  /** Tells the book of a message that comes in parts. One that came whole, as all but first ones do, it never hears of. */
  private noteUnfinished(): void {
    const isUnfinished = !this.isOver && (this.bytesLeft !== BETWEEN || this.prefix.length > 0);
    if (isUnfinished === this.isBegun) return;
    this.isBegun = isUnfinished;
    if (isUnfinished) this.book.began(this);
    else this.book.ended(this);
  }

  /** Nothing more is received. */
  private over(): void {
    this.isOver = true;
    this.noteUnfinished();
    if (this.heldBytes > 0) this.book.held.change(this.connection, this.heldBytes, 0);
    this.heldBytes = 0;
  }

  /** Ends the call for the peer's fault, and tells so as if the peer had ended it. */
  private refuse(failure: StatusText): void {
    this.end(failure);
    const events = this.events;
    this.events = undefined;
    events?.gone();
  }
}

/** What `grpc-message` may not hold as it is. (gRPC over HTTP/2, "Status-Message") */
const NOT_PLAIN = /[^\x20-\x24\x26-\x7e]+/g;

function trailersOf({ code, details }: StatusText): [name: string, value: string][] {
  const trailers: [string, string][] = [['grpc-status', String(code)]];
  // Through a Buffer, since half a surrogate pair has no UTF-8.
  if (details !== '') {
    trailers.push(['grpc-message', Buffer.from(details).toString().replace(NOT_PLAIN, encodeURIComponent)]);
  }
  return trailers;
}
