import { monotonicMs } from '../../../timers/index.js';
import {
  encodeHeaderBlock,
  Http2ErrorCode,
  type NetworkPeer,
  type RequestHead,
  type ServerStream,
  type StreamEvents,
  uint32,
  type WirePeer,
} from '../../http2/index.js';
import type { Expiring } from '../call-deadlines.js';
import type { ConnectionAccount } from '../ledger/accounts.js';
import type { CallQuota, CountedCall } from '../ledger/call-quota.js';
import type { StatusText } from '../status.js';
import { status } from '../status-code.js';
import { fieldValues } from './request-kind.js';
import type { CallRefusal } from './server-counters.js';
import { RESPONSE_FIELDS, trailersOf } from './status-trailers.js';

/** What a call tells its handler. All are called from the event loop, none after `gone`. */
export interface CallEvents {
  /**
   * The next bytes of a message, `isLast` with the end of it; a message that came whole is one part. They are the
   * caller's memory: read them now, keep a copy.
   */
  part(bytes: Buffer, isLast: boolean): void;
  /** The peer has sent all that it will. */
  halfClosed(): void;
  /** The call is over, ended by either side. */
  gone(): void;
}

/** One call, as the bytes of its messages: what {@link GrpcServer} hands to a method. */
export interface GrpcCall {
  /** The values of the `authorization` metadata, as they came. */
  readonly authorization: readonly string[];
  /** The values of a header that the method wants ({@link MethodOptions}), as they came; `name` in lower case. */
  metadata(name: string): readonly string[];
  /**
   * Lets go of the metadata, with the caller's token in it: from now on there is none. For calls that stay for days.
   */
  forgetMetadata(): void;
  /** Which connection of its server it came by, counted from 1. */
  readonly connection: number;
  /** Who is at the other end of that; `undefined` where it is not known. */
  readonly peer: WirePeer | undefined;
  /** The same of a connection over a network; `undefined` of another. */
  readonly networkPeer?: NetworkPeer | undefined;
  /** Which of several listeners its connection came by; `undefined` of the only one. */
  readonly origin?: string | undefined;
  /** Says who listens; within the function that was handed the call, for what the peer sends is not kept for later. */
  listen(events: CallEvents): void;
  /**
   * Sends one message: a frame of {@link writeFramePrefix} and what belongs to it, in two pieces so that the first can
   * be the same memory for thousands of calls; of the second a copy is kept if need be. `onWritten` is called once,
   * when the memory of the first is no longer needed: at once, if the call is over.
   */
  send(head: Buffer, tail: Buffer, onWritten?: () => void): void;
  /**
   * Tells how many octets are kept for the peer besides the metadata: of messages that have not come whole, of what it
   * has asked for, of answers; whenever that has changed. A call whose peer makes us keep too much is ended with
   * RESOURCE_EXHAUSTED, and `gone` told at once: then the result is false.
   */
  holds(bytes: number): boolean;
  /**
   * Says that the peer may be served: by a token that was accepted, or an ACK of what it got. Its connection then has
   * the room that is kept for such ones.
   */
  proven(): void;
  /**
   * To be asked before a proof of who the peer is, such as a token, is looked at. False when connections of this peer
   * which have proven nothing have brought so many bad ones recently that this one is not to be looked at; true on one
   * that has proven itself.
   */
  mayTry(): boolean;
  /**
   * Counts what a message of the peer makes of work, beyond that of any message: as {@link ServerStream.charge} has it.
   */
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

/** Sends `message`, which has no frame yet. `onWritten` as of {@link GrpcCall.send}. */
export function sendMessage(call: Pick<GrpcCall, 'send'>, message: Buffer, onWritten?: () => void): void {
  call.send(framed(message), NOTHING, onWritten);
}

/** `message` with its prefix, in memory of its own. */
export function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_PREFIX_BYTES + message.length);
  writeFramePrefix(frame, message.length);
  frame.set(message, FRAME_PREFIX_BYTES);
  return frame;
}

const RESPONSE_HEAD = encodeHeaderBlock(RESPONSE_FIELDS);

const OK: StatusText = { code: status.OK, details: '' };

const OK_TRAILERS = encodeHeaderBlock(trailersOf(OK));

const NOTHING = Buffer.alloc(0);

const NO_FIELDS: RequestHead['fields'] = [];

/** Refusals of the server itself, with what the peer is told. */
const REFUSAL_STATUS = {
  too_many: status.RESOURCE_EXHAUSTED,
  displaced: status.RESOURCE_EXHAUSTED,
  memory: status.RESOURCE_EXHAUSTED,
  too_large: status.RESOURCE_EXHAUSTED,
  unfinished: status.DEADLINE_EXCEEDED,
  protocol: status.INVALID_ARGUMENT,
  unimplemented: status.UNIMPLEMENTED,
} as const satisfies Partial<Record<CallRefusal, status>>;

/** No message has begun. */
const BETWEEN = -1;

/** What a kept header field takes besides its text: two strings, a pair, and its place in a list. */
const FIELD_OVERHEAD_BYTES = 96;

/** What a server keeps of all its calls together. */
export interface CallLimits {
  /** A larger message ends its call. */
  readonly maxReceiveBytes: number;
  /** Milliseconds, never going back. */
  now(): number;
  /** The next place in the order of what peers do. */
  tick(): number;
  /** A call is there. False when it is one too many, and to be ended. */
  began(call: Http2Call): boolean;
  /** It is no more. */
  ended(call: Http2Call): void;
  /** It was refused, or ended before its method had answered it. */
  refused(reason: CallRefusal): void;
  /** So many more octets are kept, or fewer. False when that is too much. */
  change(account: ConnectionAccount, bytes: number): boolean;
  /** A peer has proven itself. */
  prove(account: ConnectionAccount): void;
  /** As of {@link GrpcCall.mayTry}. */
  mayTry(account: ConnectionAccount): boolean;
  /** The proof that was looked at is a good one. */
  giveBackTry(account: ConnectionAccount): void;
  /** A call ends at the latest at its `endsAtMs`. */
  limited(call: Http2Call): void;
}

/** Whose call it is, and where it counts. */
export interface CallPlace {
  readonly account: ConnectionAccount;
  readonly pot: CallQuota;
  /** Those header fields that its method wants. */
  readonly fields: RequestHead['fields'];
}

/** A {@link GrpcCall} on a stream of HTTP/2. */
export class Http2Call implements GrpcCall, StreamEvents, Expiring, CountedCall {
  readonly account: ConnectionAccount;
  readonly pot: CallQuota;
  lastSeen: number;
  waitingSinceMs: number;
  private readonly stream: ServerStream;
  private fields: RequestHead['fields'];
  private readonly book: CallLimits;
  private events: CallEvents | undefined;
  /** What of a prefix has come, when it came in pieces. */
  private prefix: Buffer = NOTHING;
  /** Of the message that is being received. */
  private bytesLeft = BETWEEN;
  /** Octets, as the ledger knows them: of the metadata, and what the method says. */
  private fieldBytes = 0;
  private heldBytes = 0;
  /** Of an answer that waits for the peer's windows. */
  private unreadBytes = 0;
  private hasResponded = false;
  /** It has taken a try, and not given it back. */
  private hasTried = false;
  /** Nothing more is received. */
  private isOver = false;
  /** The stream is no more. */
  private isClosed = false;
  /** On the clock of {@link monotonicMs}. */
  endsAtMs = Number.POSITIVE_INFINITY;

  constructor(stream: ServerStream, { account, pot, fields }: CallPlace, book: CallLimits) {
    this.stream = stream;
    this.account = account;
    this.pot = pot;
    this.fields = fields;
    this.book = book;
    this.lastSeen = book.tick();
    this.waitingSinceMs = book.now();
    stream.events = this;
  }

  /** Takes its place among all calls. False when there is none, and the call is over. */
  begin(): boolean {
    if (!this.book.began(this)) {
      this.refuse('too_many', 'too many calls');
      return false;
    }
    this.fieldBytes = bytesOf(this.fields);
    if (this.fieldBytes === 0 || this.book.change(this.account, this.fieldBytes)) return !this.isOver;
    this.refuse('memory', 'metadata: got more than there is room for');
    return false;
  }

  get authorization(): readonly string[] {
    return this.metadata('authorization');
  }

  metadata(name: string): readonly string[] {
    return fieldValues(this.fields, name);
  }

  forgetMetadata(): void {
    this.fields = NO_FIELDS;
    if (this.fieldBytes > 0) this.book.change(this.account, -this.fieldBytes);
    this.fieldBytes = 0;
  }

  get connection(): number {
    return this.stream.connectionNumber;
  }

  get peer(): WirePeer | undefined {
    return this.stream.peer;
  }

  get networkPeer(): NetworkPeer | undefined {
    return this.stream.networkPeer;
  }

  get origin(): string | undefined {
    return this.stream.origin;
  }

  listen(events: CallEvents): void {
    if (!this.isOver) this.events = events;
  }

  holds(bytes: number): boolean {
    if (this.isOver) return false;
    const change = bytes - this.heldBytes;
    if (change === 0) return true;
    this.heldBytes = bytes;
    if (this.book.change(this.account, change)) return !this.isOver;
    this.refuse('memory', 'request: got more to keep than there is room for');
    return false;
  }

  charge(cost: number, work: number): void {
    this.stream.charge(cost, work);
  }

  mayTry(): boolean {
    if (this.account.isProven) return true;
    this.hasTried = this.book.mayTry(this.account);
    if (!this.hasTried) this.book.refused('misbehaved');
    return this.hasTried;
  }

  proven(): void {
    if (this.hasTried) this.book.giveBackTry(this.account);
    this.hasTried = false;
    if (!this.account.isProven) this.book.prove(this.account);
  }

  /** The peer owes a message, its end, or the room for our last one, and has had its time for it. */
  expireWait(): void {
    if (this.isOver) this.stream.reset(Http2ErrorCode.cancel);
    else this.refuse('unfinished', 'message: waited for it, or for its end');
  }

  evict(): void {
    this.refuse('displaced', 'too many calls: this one has been idle for longest');
    // Behind content that its peer does not read the end would wait, and the place with it.
    this.stream.reset(Http2ErrorCode.enhanceYourCalm);
  }

  /** Ends the call when the caller's own deadline has passed, for the caller may be unable to tell. */
  endAfter(milliseconds: number): void {
    this.endsAtMs = monotonicMs() + milliseconds;
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
    this.waitingSinceMs = this.book.now();
    const trailers = failure === OK ? OK_TRAILERS : encodeHeaderBlock(trailersOf(failure));
    if (this.hasResponded) this.stream.end(trailers);
    else this.stream.respond(encodeHeaderBlock([...RESPONSE_FIELDS, ...trailersOf(failure)]));
    if (!this.isClosed) this.keepUnread();
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
    else this.refuse('protocol', 'message: got its beginning, expected all of it');
  }

  closed(): void {
    this.over();
    this.isClosed = true;
    if (this.unreadBytes > 0) this.book.change(this.account, -this.unreadBytes);
    this.book.ended(this);
    const events = this.events;
    this.events = undefined;
    events?.gone();
  }

  /** Reads the prefix that begins at `at`, as far as it has come, and gives the place after it. */
  private readPrefix(bytes: Buffer, at: number, end: number): number {
    if (this.prefix.length === 0 && end - at >= FRAME_PREFIX_BYTES) {
      this.beginMessage(bytes[at], uint32(bytes, at + 1));
      return at + FRAME_PREFIX_BYTES;
    }
    const prefixEnd = Math.min(end, at + FRAME_PREFIX_BYTES - this.prefix.length);
    const prefix = Buffer.concat([this.prefix, bytes.subarray(at, prefixEnd)]);
    this.prefix = prefix.length < FRAME_PREFIX_BYTES ? prefix : NOTHING;
    if (prefix.length === FRAME_PREFIX_BYTES) this.beginMessage(prefix[0], uint32(prefix, 1));
    return prefixEnd;
  }

  private beginMessage(flags: number | undefined, length: number): void {
    this.stream.charge();
    if (flags !== 0) {
      this.refuse('unimplemented', 'compressed message, expected identity encoding');
    } else if (length > this.book.maxReceiveBytes) {
      this.refuse('too_large', `message: got ${length} bytes, expected at most ${this.book.maxReceiveBytes}`);
    } else if (length === 0) {
      this.events?.part(NOTHING, true);
    } else {
      this.bytesLeft = length;
    }
  }

  /** A message that came whole, as all but first ones do, never costs a look at the clock. */
  private noteUnfinished(): void {
    if (this.isOver) return;
    this.lastSeen = this.book.tick();
    const isUnfinished = this.bytesLeft !== BETWEEN || this.prefix.length > 0;
    if (!isUnfinished) this.waitingSinceMs = Number.POSITIVE_INFINITY;
    else if (this.waitingSinceMs === Number.POSITIVE_INFINITY) this.waitingSinceMs = this.book.now();
  }

  /** What has been answered waits for the peer to read it, and counts until then. */
  private keepUnread(): void {
    this.unreadBytes = this.stream.queuedBytes;
    if (this.unreadBytes > 0 && !this.book.change(this.account, this.unreadBytes)) {
      this.stream.reset(Http2ErrorCode.enhanceYourCalm);
    }
  }

  private over(): void {
    if (this.isOver) return;
    this.isOver = true;
    const kept = this.fieldBytes + this.heldBytes;
    this.fields = NO_FIELDS;
    this.fieldBytes = 0;
    this.heldBytes = 0;
    if (kept > 0) this.book.change(this.account, -kept);
  }

  /** Ends the call by its server, not by its method, and tells that as if the peer had ended it. */
  refuse(reason: keyof typeof REFUSAL_STATUS, details: string): void {
    if (!this.isOver) this.book.refused(reason);
    this.end({ code: REFUSAL_STATUS[reason], details });
    const events = this.events;
    this.events = undefined;
    events?.gone();
  }
}

function bytesOf(fields: RequestHead['fields']): number {
  let bytes = 0;
  for (let index = 0; index < fields.length; index += 1) {
    const field = fields[index];
    if (field !== undefined) bytes += field[0].length + field[1].length + FIELD_OVERHEAD_BYTES;
  }
  return bytes;
}
