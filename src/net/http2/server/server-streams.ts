import { ConnectionError, Http2ErrorCode, StreamError } from '../framing/errors.js';
import type { FloodGuard } from '../framing/flood-guard.js';
import { Frame } from '../framing/frames.js';
import type { HeaderBlock } from '../framing/header-blocks.js';
import type { HeaderField } from '../framing/header-table.js';
import type { InboundStreams } from '../framing/inbound-half.js';
import { areTrailers, type RequestHead, readRequestHead } from '../framing/request-head.js';
import type { Wire } from '../framing/wire.js';
import { type ClosedBy, ClosedStreams } from './closed-streams.js';
import type { QueuedReader, ReadQueue } from './read-queue.js';
import type { Sender } from './sender.js';
import { ServerStream, type StreamOwner } from './server-stream.js';

/** `:status: 431`, by the name of the static table's entry 8. (RFC 6585 §5; RFC 7541 §6.2.2) */
const TOO_LARGE_HEAD = Buffer.from('0803343331', 'hex');

/** Streams that hear in one turn that they are no more: that takes some 10 µs each, and a connection has thousands. */
const ENDED_AT_ONCE = 64;

/** What the streams of all connections of a server share. */
export interface ServerStreamsOptions {
  readonly maxConcurrentStreams: number;
  /** Where connections wait that have more to read than a turn has room for. */
  readonly readQueue: ReadQueue;
  /** Begins to serve a request: sets `stream.events`. */
  readonly onRequest: (stream: ServerStream, head: RequestHead) => void;
}

export interface ServerStreamsParts {
  readonly sender: Sender;
  readonly guard: FloodGuard;
  readonly options: ServerStreamsOptions;
  /** The last stream that was open has ended. */
  readonly onLastEnded: () => void;
}

/** The streams of one connection: how each begins, is answered and ends, by whichever side. (RFC 9113 §5.1) */
export class ServerStreams implements InboundStreams<ServerStream>, QueuedReader, StreamOwner {
  private readonly sender: Sender;
  private readonly guard: FloodGuard;
  private readonly options: ServerStreamsOptions;
  private readonly onLastEnded: () => void;
  private readonly open = new Map<number, ServerStream>();
  private readonly closed = new ClosedStreams();
  #lastId = 0;
  private isRefusing = false;
  /** While a read is worked off, all that it brings about goes out together. */
  isReading = false;
  #isOver = false;

  constructor(
    readonly wire: Wire,
    /** That of the connection, for logs. */
    readonly connectionNumber: number,
    { sender, guard, options, onLastEnded }: ServerStreamsParts,
  ) {
    this.sender = sender;
    this.guard = guard;
    this.options = options;
    this.onLastEnded = onLastEnded;
  }

  /** The highest that the peer has begun. */
  get lastId(): number {
    return this.#lastId;
  }

  get openCount(): number {
    return this.open.size;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Refuses all that begin from now on. */
  refuseFurther(): void {
    this.isRefusing = true;
  }

  get(streamId: number): ServerStream | undefined {
    return this.open.get(streamId);
  }

  all(): Iterable<ServerStream> {
    return this.open.values();
  }

  /** Whether it is no idle one: only clients begin streams here, and each one all below it. (RFC 9113 §5.1, §5.1.1) */
  hasBegun(streamId: number): boolean {
    return streamId % 2 === 1 && streamId <= this.#lastId;
  }

  isOpen(stream: ServerStream): boolean {
    return this.open.get(stream.id) === stream;
  }

  /** Of a stream that is no more, as far as that is remembered. */
  whoClosed(streamId: number): ClosedBy | undefined {
    return this.closed.whoClosed(streamId);
  }

  /** Begins one. `fields` is `undefined` when there were too many of them. @throws ConnectionError, StreamError. */
  begin({ streamId, isLast }: HeaderBlock, fields: readonly HeaderField[] | undefined): void {
    this.#lastId = streamId;
    this.guard.charge();
    if (this.isRefusing || this.open.size >= this.options.maxConcurrentStreams) {
      this.closed.add(streamId, 'us');
      throw new StreamError(streamId, Http2ErrorCode.refusedStream, 'got a stream too many');
    }
    const stream = new ServerStream(streamId, this);
    stream.isRemoteClosed = isLast;
    this.open.set(streamId, stream);
    if (fields === undefined) {
      this.respond(stream, TOO_LARGE_HEAD);
      return;
    }
    const head = readRequestHead(streamId, fields);
    stream.contentLeft = head.contentBytes ?? -1;
    if (isLast && stream.contentLeft > 0) {
      throw new StreamError(streamId, Http2ErrorCode.protocolError, 'got less than content-length');
    }
    this.options.onRequest(stream, head);
    if (isLast) stream.events?.ended();
  }

  /** Takes note of a stream that cannot be let begin. @throws StreamError. */
  refuse(streamId: number): void {
    if (streamId > this.#lastId) {
      this.#lastId = streamId;
      this.closed.add(streamId, 'us');
    }
    throw new StreamError(streamId, Http2ErrorCode.protocolError, 'got a stream that depends on itself');
  }

  /** What stands behind the content of a request. @throws StreamError. */
  takeTrailers(stream: ServerStream, { isLast }: HeaderBlock, fields: readonly HeaderField[] | undefined): void {
    if (stream.isRemoteClosed)
      throw new StreamError(stream.id, Http2ErrorCode.streamClosed, 'got HEADERS after END_STREAM');
    if (!isLast || fields === undefined || !areTrailers(fields)) {
      throw new StreamError(stream.id, Http2ErrorCode.protocolError, 'got HEADERS that are no trailers');
    }
    this.remoteEnded(stream);
  }

  remoteEnded(stream: ServerStream): void {
    if (stream.contentLeft > 0) {
      throw new StreamError(stream.id, Http2ErrorCode.protocolError, 'got less than content-length');
    }
    stream.isRemoteClosed = true;
    stream.events?.ended();
  }

  takeReset(streamId: number): void {
    const stream = this.open.get(streamId);
    if (stream !== undefined) this.remove(stream, 'peer');
  }

  /**
   * Ends a stream for the peer's fault. @throws ConnectionError when there is no such stream, or of too many faults.
   */
  reset({ streamId, code, message }: StreamError): void {
    // A stream that has not begun cannot be reset. (RFC 9113 §5.1, "idle")
    if (!this.hasBegun(streamId)) throw new ConnectionError(code, message);
    this.guard.charge();
    this.sender.numberFrame(Frame.resetStream, streamId, code);
    const stream = this.open.get(streamId);
    if (stream !== undefined) this.remove(stream, stream.isRemoteClosed ? 'peer' : 'us');
  }

  /**
   * The last of an answer has been sent. A peer that has not ended its request is told that its rest is not read.
   * (RFC 9113 §8.1)
   */
  localEnded(stream: ServerStream): void {
    stream.isLocalClosed = true;
    if (!this.isOpen(stream)) return;
    if (!stream.isRemoteClosed) this.sender.numberFrame(Frame.resetStream, stream.id, Http2ErrorCode.noError);
    this.remove(stream, stream.isRemoteClosed ? 'peer' : 'us');
  }

  /** Tells all streams that they are no more: a first part of them now, the others in turns. Safe to call twice. */
  endAll(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.readOn()) this.options.readQueue.add(this);
  }

  /** Tells the next of them, for the queue; false when all have been told. */
  readOn(): boolean {
    let count = 0;
    for (const stream of this.open.values()) {
      if (count === ENDED_AT_ONCE) return true;
      count += 1;
      this.open.delete(stream.id);
      this.sender.forget(stream);
      stream.closed();
    }
    return false;
  }

  /** For {@link ServerStream.charge}. */
  charge(cost?: number, work?: number): void {
    this.guard.charge(cost, work);
  }

  /** For {@link ServerStream.beginAnswer}. */
  beginAnswer(stream: ServerStream, block: Buffer): void {
    if (this.isWritable(stream)) this.sender.headers(stream.id, block, false);
  }

  /** For {@link ServerStream.respond}. */
  respond(stream: ServerStream, block: Buffer): void {
    if (!this.isWritable(stream)) return;
    this.sender.headers(stream.id, block, true);
    this.localEnded(stream);
    this.flushUnlessReading();
  }

  /** For {@link ServerStream.send}. What was written before goes out with it. */
  sendData(stream: ServerStream, head: Buffer, tail: Buffer, onWritten?: () => void): void {
    if (!this.isWritable(stream)) {
      onWritten?.();
      return;
    }
    this.guard.forgive();
    this.sender.data(stream, head, tail, onWritten);
  }

  /** For {@link ServerStream.end}. */
  endAnswer(stream: ServerStream, trailers: Buffer): void {
    if (!this.isWritable(stream)) return;
    this.sender.trailers(stream, trailers);
    this.flushUnlessReading();
  }

  /** For {@link ServerStream.reset}. */
  abandon(stream: ServerStream, code: number): void {
    if (this.#isOver || !this.isOpen(stream)) return;
    this.sender.numberFrame(Frame.resetStream, stream.id, code);
    this.remove(stream, stream.isRemoteClosed ? 'peer' : 'us');
    this.flushUnlessReading();
  }

  private flushUnlessReading(): void {
    if (!this.isReading && !this.#isOver) this.sender.flush();
  }

  private isWritable(stream: ServerStream): boolean {
    return !this.#isOver && !stream.isLocalClosed && stream.trailers === undefined && this.isOpen(stream);
  }

  private remove(stream: ServerStream, by: ClosedBy): void {
    this.open.delete(stream.id);
    this.closed.add(stream.id, by);
    this.sender.forget(stream);
    stream.closed();
    if (this.open.size === 0) this.onLastEnded();
  }
}
