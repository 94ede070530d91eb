import { ConnectionError, Http2ErrorCode, StreamError } from '../framing/errors.js';
import { Cost, type FloodGuard, PART_WORK, SMALL_DATA_BYTES } from '../framing/flood-guard.js';
import { contentBytesOf } from '../framing/frame-checks.js';
import { Flag, Frame } from '../framing/frames.js';
import type { Sender } from './sender.js';
import { WINDOW_BYTES } from './server-settings.js';
import type { ServerStream } from './server-stream.js';
import type { ServerStreams } from './server-streams.js';

/** A window is given back when this much of it is used. */
const GIVE_BACK_BYTES = WINDOW_BYTES / 2;

/** The content of a peer's requests, on its way to their streams, and the windows that bound it. (RFC 9113 §6.1, §6.9) */
export class InboundContent {
  /** Of all streams, what was not given back yet. */
  private receivedBytes = 0;
  /** Where the content of the DATA frame that is being read goes; `undefined` when nobody wants it. */
  private stream: ServerStream | undefined;
  private flags = 0;

  constructor(
    private readonly streams: ServerStreams,
    private readonly sender: Sender,
    private readonly guard: FloodGuard,
  ) {}

  /**
   * A DATA frame begins. Its padding counts for the windows, and not as content. (RFC 9113 §6.1, §6.9.1)
   * @throws ConnectionError, StreamError.
   */
  begin(flags: number, streamId: number, frameBytes: number, contentBytes: number): void {
    this.stream = undefined;
    this.flags = flags;
    if (contentBytes < SMALL_DATA_BYTES && (flags & Flag.endStream) === 0) {
      if (contentBytes === 0) this.guard.charge();
      else this.guard.charge(Cost.part, PART_WORK);
    }
    this.stream = this.streamFor(streamId, frameBytes, contentBytes);
  }

  /** The next of it. */
  take(bytes: Buffer, start: number, end: number): void {
    this.stream?.events?.data(bytes, start, end);
  }

  /** All of it has come. @throws StreamError. */
  end(): void {
    const stream = this.stream;
    this.stream = undefined;
    // It may have ended while its content was read.
    if (stream === undefined || !this.streams.isOpen(stream)) return;
    if (this.flags & Flag.endStream) {
      this.streams.remoteEnded(stream);
    } else if (stream.receivedBytes >= GIVE_BACK_BYTES) {
      this.sender.numberFrame(Frame.windowUpdate, stream.id, stream.receivedBytes);
      stream.receivedBytes = 0;
    }
  }

  /** A whole DATA frame with padding. @throws ConnectionError, StreamError. */
  takePadded(flags: number, streamId: number, payload: Buffer): void {
    const contentBytes = contentBytesOf(payload);
    this.begin(flags, streamId, payload.length, contentBytes);
    this.take(payload, 1, 1 + contentBytes);
    this.end();
  }

  private streamFor(streamId: number, frameBytes: number, contentBytes: number): ServerStream | undefined {
    if (!this.streams.hasBegun(streamId)) {
      throw new ConnectionError(Http2ErrorCode.protocolError, 'got DATA for a stream that never began');
    }
    this.takeFromWindow(frameBytes);
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      this.guard.charge();
      if (this.streams.whoClosed(streamId) === 'us') return undefined;
      throw new StreamError(streamId, Http2ErrorCode.streamClosed, 'got DATA for a stream that is closed');
    }
    if (stream.isRemoteClosed) throw new StreamError(streamId, Http2ErrorCode.streamClosed, 'got DATA behind its end');
    stream.receivedBytes += frameBytes;
    if (stream.receivedBytes > WINDOW_BYTES) {
      throw new StreamError(streamId, Http2ErrorCode.flowControlError, 'got more content than its window has room for');
    }
    if (stream.contentLeft >= 0) {
      stream.contentLeft -= contentBytes;
      if (stream.contentLeft < 0)
        throw new StreamError(streamId, Http2ErrorCode.protocolError, 'got more than content-length');
    }
    return stream;
  }

  private takeFromWindow(bytes: number): void {
    this.receivedBytes += bytes;
    if (this.receivedBytes > WINDOW_BYTES) {
      throw new ConnectionError(Http2ErrorCode.flowControlError, 'got more content than the window has room for');
    }
    if (this.receivedBytes < GIVE_BACK_BYTES) return;
    // What nobody wants is given back, too: the other streams need the window.
    this.sender.numberFrame(Frame.windowUpdate, 0, this.receivedBytes);
    this.receivedBytes = 0;
  }
}
