import type { Socket } from 'node:net';
import { ClosedStreams } from './closed-streams.js';
import { ConnectionError, ErrorCode, StreamError } from './errors.js';
import { FloodGuard } from './flood-guard.js';
import { FrameReader, type FrameSink } from './frame-reader.js';
import * as frames from './frames.js';
import { Flag, Frame, Setting } from './frames.js';
import { type HeaderBlock, HeaderBlocks } from './header-blocks.js';
import { HeaderDecoder, type HeaderField } from './hpack.js';
import { readPeerSettings } from './peer-settings.js';
import { areTrailers, type RequestHead, readRequestHead } from './request-head.js';
import { Sender } from './sender.js';
import { ServerStream } from './server-stream.js';
import type { Wire, WireEvents } from './wire.js';

/** What all connections of a server share. */
export interface ServerConnectionOptions {
  /** Of {@link serverOpening}. */
  readonly opening: Buffer;
  readonly maxConcurrentStreams: number;
  /** Begins to serve a request: sets `stream.events`. */
  readonly onRequest: (stream: ServerStream, head: RequestHead) => void;
  /** Takes a connection that speaks HTTP/1, with nothing read of it; without it such a one is closed. */
  readonly onHttp1?: ((socket: Socket) => void) | undefined;
  /** The peer has said what a client of HTTP/2 says first. */
  readonly onGreeted: (connection: ServerConnection) => void;
  /** Called once and last; `reason` is what the peer did wrong, if so. */
  readonly onClosed: (connection: ServerConnection, reason: string | undefined) => void;
  /** Something of ours threw what it must not. */
  readonly onBug: (error: unknown) => void;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

/**
 * What a peer may send before it hears of us, on one stream and on all of a connection. A real Envoy's first requests
 * are 50 to 60 kB each, one a stream: with the default of 65 535 the second waits for a round trip. (reference: Envoy 1)
 */
const WINDOW_BYTES = 256 * 1024;

/** A window is given back when this much of it is used. */
const GIVE_BACK_BYTES = WINDOW_BYTES / 2;

/** A token of 20 kB, twice, and all else that proxies add. Counted as SETTINGS_MAX_HEADER_LIST_SIZE is. */
const MAX_HEADER_LIST_BYTES = 64 * 1024;

const SETTINGS_ACK = frames.encodeFrame(Frame.settings, Flag.ack, 0, Buffer.alloc(0));

/** `:status: 431`, by the name of the static table's entry 8. (RFC 6585 §5; RFC 7541 §6.2.2) */
const TOO_LARGE_HEAD = Buffer.from('0803343331', 'hex');

/** What we say first, on every connection of a server. */
export function serverOpening(maxConcurrentStreams: number): Buffer {
  return Buffer.concat([
    frames.encodeSettings([
      [Setting.maxConcurrentStreams, maxConcurrentStreams],
      [Setting.initialWindowSize, WINDOW_BYTES],
      [Setting.maxHeaderListSize, MAX_HEADER_LIST_BYTES],
    ]),
    frames.encodeWindowUpdate(0, WINDOW_BYTES - frames.DEFAULT_WINDOW_BYTES),
  ]);
}

/**
 * The server's half of HTTP/2 on one connection. Thousands are open at a time, so it makes what it needs when it needs
 * it, and a message costs neither a buffer nor an object. (RFC 9113)
 */
export class ServerConnection implements WireEvents, FrameSink {
  readonly #options: ServerConnectionOptions;
  readonly #sender: Sender;
  readonly #frames = new FrameReader(this);
  readonly #blocks = new HeaderBlocks();
  readonly #decoder = new HeaderDecoder();
  readonly #streams = new Map<number, ServerStream>();
  readonly #closed = new ClosedStreams();
  readonly #guard: FloodGuard;
  /** Bytes of the preface that have come. */
  #prefaceSeen = 0;
  #hasSettings = false;
  #lastStreamId = 0;
  /** Content that was not given back yet. */
  #receivedBytes = 0;
  /** Where the content of the DATA frame that is being read goes; `undefined` when nobody wants it. */
  #dataStream: ServerStream | undefined;
  #dataFlags = 0;
  #isReading = false;
  #isGoingAway = false;
  #isOver = false;

  constructor(
    readonly wire: Wire,
    /** A number for logs. */
    readonly number: number,
    options: ServerConnectionOptions,
  ) {
    this.#options = options;
    this.#guard = new FloodGuard(options.now);
    this.#sender = new Sender(wire, (stream) => this.#localEnded(stream));
    wire.start(this);
  }

  /** Lets no further stream begin; the connection ends with the last of those that are open. (RFC 9113 §6.8) */
  goAway(): void {
    if (this.#isGoingAway || this.#isOver) return;
    this.#isGoingAway = true;
    if (this.#prefaceSeen < frames.PREFACE.length) {
      this.wire.destroy();
      return;
    }
    this.#sender.frames(frames.encodeGoAway(this.#lastStreamId, ErrorCode.noError, ''));
    this.#flushUnlessReading();
    this.#endIfDone();
  }

  /** Ends the connection for the peer's fault. Safe to call twice. */
  fail(code: number, reason: string): void {
    if (this.#isOver) return;
    if (this.#prefaceSeen === frames.PREFACE.length) {
      this.#sender.frames(frames.encodeGoAway(this.#lastStreamId, code, reason));
      this.#sender.flush();
    }
    this.#over(reason);
    this.wire.end();
  }

  received(bytes: Buffer, start: number, end: number): void {
    if (this.#isOver) return;
    this.#isReading = true;
    try {
      const at = this.#prefaceSeen < frames.PREFACE.length ? this.#readPreface(bytes, start, end) : start;
      if (at < end) this.#frames.push(bytes, at, end);
    } catch (error) {
      if (error instanceof ConnectionError) {
        this.fail(error.code, error.message);
      } else {
        // The other connections, and what else came in this turn, must not suffer for it.
        this.#options.onBug(error);
        this.fail(ErrorCode.internalError, 'internal error');
      }
    } finally {
      this.#isReading = false;
    }
    if (!this.#isOver) this.#sender.flush();
  }

  closed(): void {
    if (!this.#isOver) this.#over(undefined);
  }

  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (this.#isOver) return;
    this.#expect(type, flags);
    try {
      this.#take(type, flags, streamId, bytes, start, end);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.#reset(error.streamId, error.code);
    }
  }

  beginData(flags: number, streamId: number, length: number): void {
    this.#dataStream = undefined;
    if (this.#isOver) return;
    this.#expect(Frame.data, flags);
    if (length === 0 && (flags & Flag.endStream) === 0) this.#count();
    this.#dataFlags = flags;
    try {
      this.#dataStream = this.#streamForData(streamId, length);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.#reset(error.streamId, error.code);
    }
  }

  data(bytes: Buffer, start: number, end: number): void {
    this.#dataStream?.events?.data(bytes, start, end);
  }

  endData(): void {
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    // It may have ended while its content was read.
    if (stream === undefined || !this.#isOpen(stream)) return;
    if (this.#dataFlags & Flag.endStream) {
      this.#remoteEnded(stream);
    } else if (stream.receivedBytes >= GIVE_BACK_BYTES) {
      this.#sender.numberFrame(Frame.windowUpdate, stream.id, stream.receivedBytes);
      stream.receivedBytes = 0;
    }
  }

  /** For {@link ServerStream.begin}. */
  beginAnswer(stream: ServerStream, block: Buffer): void {
    if (this.#isWritable(stream)) this.#sender.headers(stream.id, block, false);
  }

  /** For {@link ServerStream.respond}. */
  respond(stream: ServerStream, block: Buffer): void {
    if (!this.#isWritable(stream)) return;
    this.#sender.headers(stream.id, block, true);
    this.#localEnded(stream);
    this.#flushUnlessReading();
  }

  /** For {@link ServerStream.send}. What was written before goes out with it. */
  sendData(stream: ServerStream, head: Buffer, tail: Buffer, onWritten?: () => void): void {
    if (this.#isWritable(stream)) this.#sender.data(stream, head, tail, onWritten);
    else onWritten?.();
  }

  /** For {@link ServerStream.end}. */
  endStream(stream: ServerStream, trailers: Buffer): void {
    if (!this.#isWritable(stream)) return;
    this.#sender.trailers(stream, trailers);
    this.#flushUnlessReading();
  }

  #flushUnlessReading(): void {
    if (!this.#isReading && !this.#isOver) this.#sender.flush();
  }

  #isOpen(stream: ServerStream): boolean {
    return this.#streams.get(stream.id) === stream;
  }

  #isWritable(stream: ServerStream): boolean {
    return !stream.isLocalClosed && stream.trailers === undefined && this.#isOpen(stream);
  }

  /** Gives the place behind what it has read. */
  #readPreface(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && this.#prefaceSeen < frames.PREFACE.length) {
      if (bytes[at] !== frames.PREFACE[this.#prefaceSeen]) {
        this.#meetStranger(bytes, at, end);
        return end;
      }
      at += 1;
      this.#prefaceSeen += 1;
    }
    if (this.#prefaceSeen === frames.PREFACE.length) {
      this.#sender.frames(this.#options.opening);
      this.#options.onGreeted(this);
    }
    return at;
  }

  /** Whoever it is does not speak HTTP/2. A request of HTTP/1 begins with a method, in capitals. */
  #meetStranger(bytes: Buffer, at: number, end: number): void {
    const { onHttp1 } = this.#options;
    const seen = frames.PREFACE.subarray(0, this.#prefaceSeen);
    const first = seen[0] ?? bytes[at] ?? 0;
    const isMethod = first >= 0x41 && first <= 0x5a;
    const reason = 'got no preface of HTTP/2';
    this.#over(isMethod && onHttp1 !== undefined ? undefined : reason);
    if (isMethod && onHttp1 !== undefined) onHttp1(this.wire.detach(Buffer.concat([seen, bytes.subarray(at, end)])));
    else this.wire.destroy();
  }

  /** What may come now: SETTINGS first, and nothing within a header block. (RFC 9113 §3.4, §6.10) */
  #expect(type: number, flags: number): void {
    if (!this.#hasSettings) {
      if (type !== Frame.settings || (flags & Flag.ack) !== 0) {
        throw new ConnectionError(ErrorCode.protocolError, 'got another frame first, expected SETTINGS');
      }
      this.#hasSettings = true;
    }
    if (this.#blocks.isOpen && type !== Frame.continuation) {
      throw new ConnectionError(ErrorCode.protocolError, 'got another frame within a header block');
    }
  }

  #take(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case Frame.data:
        this.#takePaddedData(flags, streamId, bytes, start, end);
        break;
      case Frame.headers:
      case Frame.continuation:
        this.#takeHeaders(type, flags, streamId, bytes.subarray(start, end));
        break;
      case Frame.priority:
        this.#count();
        checkPriority(streamId, bytes, start, end - start);
        break;
      case Frame.resetStream:
        this.#takeReset(streamId, end - start);
        break;
      case Frame.settings:
        this.#takeSettings(flags, streamId, bytes, start, end);
        break;
      case Frame.pushPromise:
        throw new ConnectionError(ErrorCode.protocolError, 'got PUSH_PROMISE from a client');
      case Frame.ping:
        this.#takePing(flags, streamId, bytes, start, end);
        break;
      case Frame.goAway:
        expectConnection(streamId);
        if (end - start < 8) throw new ConnectionError(ErrorCode.frameSizeError, 'got a part of GOAWAY');
        break;
      case Frame.windowUpdate:
        this.#takeWindowUpdate(streamId, bytes, start, end - start);
        break;
      default:
        // Unknown frames are to be ignored. (RFC 9113 §4.1)
        this.#count();
        break;
    }
  }

  #takePaddedData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const padding = bytes[start] ?? 0;
    if (end - start < 1 + padding) throw new ConnectionError(ErrorCode.protocolError, 'got more padding than frame');
    this.beginData(flags, streamId, end - start);
    const stream = this.#dataStream;
    if (stream !== undefined && stream.contentLeft >= 0) stream.contentLeft += 1 + padding;
    this.data(bytes, start + 1, end - padding);
    this.endData();
  }

  #streamForData(streamId: number, length: number): ServerStream | undefined {
    if (streamId === 0 || streamId > this.#lastStreamId) {
      throw new ConnectionError(ErrorCode.protocolError, 'got DATA for a stream that never began');
    }
    this.#receivedBytes += length;
    if (this.#receivedBytes > WINDOW_BYTES) {
      throw new ConnectionError(ErrorCode.flowControlError, 'got more content than the window has room for');
    }
    // What nobody wants is given back, too: the other streams need the window.
    if (this.#receivedBytes >= GIVE_BACK_BYTES) {
      this.#sender.numberFrame(Frame.windowUpdate, 0, this.#receivedBytes);
      this.#receivedBytes = 0;
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (this.#closed.whoClosed(streamId) === 'us') return undefined;
      this.#count();
      throw new StreamError(streamId, ErrorCode.streamClosed, 'got DATA for a stream that is closed');
    }
    if (stream.isRemoteClosed) throw new StreamError(streamId, ErrorCode.streamClosed, 'got DATA behind its end');
    stream.receivedBytes += length;
    if (stream.receivedBytes > WINDOW_BYTES) {
      throw new StreamError(streamId, ErrorCode.flowControlError, 'got more content than its window has room for');
    }
    if (stream.contentLeft >= 0) {
      stream.contentLeft -= length;
      if (stream.contentLeft < 0)
        throw new StreamError(streamId, ErrorCode.protocolError, 'got more than content-length');
    }
    return stream;
  }

  #takeHeaders(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (streamId % 2 === 0) throw new ConnectionError(ErrorCode.protocolError, 'got a stream that no client may begin');
    if (type === Frame.headers && flags & Flag.priority) {
      checkPriority(streamId, payload, flags & Flag.padded ? 1 : 0, 5);
    }
    const block = this.#blocks.take(type, flags, streamId, payload);
    if (block === undefined) return;
    const fields = this.#decode(block.bytes);
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) this.#takeTrailers(stream, block, fields);
    else if (streamId > this.#lastStreamId) this.#begin(block, fields);
    else this.#meetClosed(streamId);
  }

  #decode(block: Buffer): readonly HeaderField[] | undefined {
    try {
      return this.#decoder.decode(block, MAX_HEADER_LIST_BYTES);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new ConnectionError(ErrorCode.compressionError, error.message);
    }
  }

  #begin({ streamId, isLast }: HeaderBlock, fields: readonly HeaderField[] | undefined): void {
    this.#lastStreamId = streamId;
    if (this.#isGoingAway || this.#streams.size >= this.#options.maxConcurrentStreams) {
      this.#count();
      this.#closed.add(streamId, 'us');
      throw new StreamError(streamId, ErrorCode.refusedStream, 'got a stream too many');
    }
    const stream = new ServerStream(streamId, this, this.#sender.initialWindow);
    this.#streams.set(streamId, stream);
    if (fields === undefined) {
      this.#count();
      this.respond(stream, TOO_LARGE_HEAD);
      return;
    }
    const head = readRequestHead(streamId, fields);
    if (head.contentBytes !== undefined) stream.contentLeft = head.contentBytes;
    if (isLast && stream.contentLeft > 0) {
      throw new StreamError(streamId, ErrorCode.protocolError, 'got less than content-length');
    }
    stream.isRemoteClosed = isLast;
    this.#options.onRequest(stream, head);
    if (isLast) stream.events?.ended();
  }

  #takeTrailers(stream: ServerStream, { isLast }: HeaderBlock, fields: readonly HeaderField[] | undefined): void {
    if (stream.isRemoteClosed) throw new StreamError(stream.id, ErrorCode.streamClosed, 'got HEADERS behind its end');
    if (!isLast || fields === undefined || !areTrailers(fields)) {
      throw new StreamError(stream.id, ErrorCode.protocolError, 'got HEADERS that are no trailers');
    }
    this.#remoteEnded(stream);
  }

  #meetClosed(streamId: number): void {
    switch (this.#closed.whoClosed(streamId)) {
      case 'us':
        return;
      case 'peer':
        throw new ConnectionError(ErrorCode.streamClosed, 'got HEADERS for a stream that is closed');
      case undefined:
        throw new ConnectionError(ErrorCode.protocolError, 'got HEADERS for a lower stream than the last');
    }
  }

  #takeReset(streamId: number, length: number): void {
    this.#expectBegun(streamId);
    if (length !== 4) throw new ConnectionError(ErrorCode.frameSizeError, 'got RST_STREAM of another size');
    this.#count();
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) this.#remove(stream, 'peer');
  }

  #takeSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    expectConnection(streamId);
    if (flags & Flag.ack) {
      if (end > start) throw new ConnectionError(ErrorCode.frameSizeError, 'got an ACK of SETTINGS with settings');
      return;
    }
    this.#count();
    this.#sender.apply(readPeerSettings(bytes, start, end), this.#streams.values());
    this.#sender.answer(SETTINGS_ACK);
  }

  #takePing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    expectConnection(streamId);
    if (end - start !== 8) throw new ConnectionError(ErrorCode.frameSizeError, 'got PING of another size');
    if (flags & Flag.ack) return;
    this.#count();
    this.#sender.answer(frames.encodeFrame(Frame.ping, Flag.ack, 0, bytes.subarray(start, end)));
  }

  #takeWindowUpdate(streamId: number, bytes: Buffer, start: number, length: number): void {
    if (streamId > this.#lastStreamId) this.#expectBegun(streamId);
    if (length !== 4) throw new ConnectionError(ErrorCode.frameSizeError, 'got WINDOW_UPDATE of another size');
    const increment = frames.uint31(bytes, start);
    this.#count();
    if (increment === 0) {
      if (streamId === 0) throw new ConnectionError(ErrorCode.protocolError, 'got WINDOW_UPDATE of 0');
      throw new StreamError(streamId, ErrorCode.protocolError, 'got WINDOW_UPDATE of 0');
    }
    if (streamId === 0) {
      this.#sender.grow(undefined, increment);
      return;
    }
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) this.#sender.grow(stream, increment);
  }

  #expectBegun(streamId: number): void {
    if (streamId === 0 || streamId > this.#lastStreamId) {
      throw new ConnectionError(ErrorCode.protocolError, 'got a frame for a stream that never began');
    }
  }

  /** Counts a frame that carries nothing. */
  #count(): void {
    if (this.#guard.isFlooded()) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'got a flood of idle frames');
  }

  #remoteEnded(stream: ServerStream): void {
    if (stream.contentLeft > 0) {
      this.#reset(stream.id, ErrorCode.protocolError);
      return;
    }
    stream.isRemoteClosed = true;
    stream.events?.ended();
    if (stream.isLocalClosed && this.#isOpen(stream)) this.#remove(stream, 'peer');
  }

  /**
   * The last of our answer has been sent. A peer that has not ended its request hears that nobody listens any more.
   * (RFC 9113 §8.1)
   */
  #localEnded(stream: ServerStream): void {
    stream.isLocalClosed = true;
    if (!this.#isOpen(stream)) return;
    if (!stream.isRemoteClosed) this.#sender.numberFrame(Frame.resetStream, stream.id, ErrorCode.noError);
    this.#remove(stream, stream.isRemoteClosed ? 'peer' : 'us');
  }

  /** Ends a stream for the peer's fault. */
  #reset(streamId: number, code: number): void {
    this.#sender.numberFrame(Frame.resetStream, streamId, code);
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) this.#remove(stream, stream.isRemoteClosed ? 'peer' : 'us');
  }

  #remove(stream: ServerStream, by: 'us' | 'peer'): void {
    this.#streams.delete(stream.id);
    this.#closed.add(stream.id, by);
    this.#sender.forget(stream);
    stream.closed();
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (!this.#isGoingAway || this.#streams.size > 0 || this.#isOver) return;
    this.#sender.flush();
    this.#over(undefined);
    this.wire.end();
  }

  #over(reason: string | undefined): void {
    this.#isOver = true;
    for (const stream of this.#streams.values()) {
      this.#sender.forget(stream);
      stream.closed();
    }
    this.#streams.clear();
    this.#options.onClosed(this, reason);
  }
}

function expectConnection(streamId: number): void {
  if (streamId !== 0) throw new ConnectionError(ErrorCode.protocolError, 'got a frame of the connection on a stream');
}

/** Priorities are not kept, only checked. (RFC 9113 §5.3.2, §6.3) */
function checkPriority(streamId: number, bytes: Buffer, at: number, length: number): void {
  if (streamId === 0) throw new ConnectionError(ErrorCode.protocolError, 'got PRIORITY without a stream');
  if (length !== 5) throw new StreamError(streamId, ErrorCode.frameSizeError, 'got PRIORITY of another size');
  if (frames.uint31(bytes, at) === streamId) {
    throw new StreamError(streamId, ErrorCode.protocolError, 'got a stream that depends on itself');
  }
}
