import { ConnectionError, Http2ErrorCode, StreamError } from '../framing/errors.js';
import { Cost, type FloodGuard, SMALL_DATA_BYTES } from '../framing/flood-guard.js';
import { contentBytesOf } from '../framing/frame-checks.js';
import { Flag, Frame } from '../framing/frames.js';
import { CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES } from './client-options.js';
import type { ClientSender } from './client-sender.js';
import type { ClientStream } from './client-stream.js';
import type { ClientStreams } from './client-streams.js';

/**
 * The content of responses, on its way to who asked, and the windows for it: they are given back when half of them is used,
 * within the frame that did so, so no peer can use them up. Who asked bounds what is kept. (RFC 9113 §6.1, §6.9)
 */
export class ClientContent {
  /** Of all streams, what was not given back yet. */
  private receivedBytes = 0;
  /** Where the content of the DATA frame that is being read goes; `undefined` when nobody wants it. */
  private stream: ClientStream | undefined;
  private flags = 0;

  constructor(
    private readonly streams: ClientStreams,
    private readonly sender: ClientSender,
    private readonly guard: FloodGuard,
  ) {}

  /**
   * A DATA frame begins. Its padding counts for the windows, and not as content. (RFC 9113 §6.1, §6.9.1)
   * @throws ConnectionError, StreamError.
   */
  begin(flags: number, streamId: number, frameBytes: number, contentBytes: number): void {
    this.stream = undefined;
    this.flags = flags;
    if (!this.streams.hasBegun(streamId)) {
      throw new ConnectionError(Http2ErrorCode.protocolError, 'got DATA for a stream that never began');
    }
    if (contentBytes < SMALL_DATA_BYTES && (flags & Flag.endStream) === 0) {
      this.guard.charge(contentBytes === 0 ? Cost.event : Cost.part);
    }
    this.takeFromWindow(frameBytes);
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      // We may have ended it, and the peer not know yet.
      this.guard.charge();
      return;
    }
    takeFromStream(stream, frameBytes, contentBytes);
    this.stream = stream;
  }

  /** The next of it. */
  take(bytes: Buffer, start: number, end: number): void {
    const stream = this.stream;
    // Who gets it may have given up at an earlier part.
    if (stream !== undefined && this.streams.isOpen(stream)) stream.request.data(bytes, start, end);
  }

  /** All of it has come. @throws StreamError. */
  end(): void {
    const stream = this.stream;
    this.stream = undefined;
    if (stream === undefined || !this.streams.isOpen(stream)) return;
    if (this.flags & Flag.endStream) {
      this.streams.remoteEnded(stream);
    } else if (stream.receivedBytes >= STREAM_WINDOW_BYTES / 2) {
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

  private takeFromWindow(bytes: number): void {
    this.receivedBytes += bytes;
    if (this.receivedBytes < CONNECTION_WINDOW_BYTES / 2) return;
    // What nobody wants is given back, too: the other streams need the window.
    this.sender.numberFrame(Frame.windowUpdate, 0, this.receivedBytes);
    this.receivedBytes = 0;
  }
}

/** @throws StreamError. */
function takeFromStream(stream: ClientStream, frameBytes: number, contentBytes: number): void {
  const broken = (message: string): StreamError => new StreamError(stream.id, Http2ErrorCode.protocolError, message);
  if (!stream.hasHead) throw broken('got DATA before the head of a response');
  stream.receivedBytes += frameBytes;
  if (stream.contentLeft < 0) return;
  stream.contentLeft -= contentBytes;
  if (stream.contentLeft < 0) throw broken('got more than content-length');
}
