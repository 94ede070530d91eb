import { ConnectionError, Http2ErrorCode, StreamError } from './errors.js';
import { Cost, type FloodGuard, PART_WORK, SMALL_DATA_BYTES } from './flood-guard.js';
import { contentBytesOf } from './frame-checks.js';
import { Flag, Frame } from './frames.js';
import type { AnnouncedLimits, InboundAnswers, InboundHalf, InboundStream, InboundStreams } from './inbound-half.js';

export interface InboundParts<Stream> {
  readonly half: InboundHalf<Stream>;
  readonly streams: InboundStreams<Stream>;
  readonly sender: InboundAnswers<Stream>;
  readonly guard: FloodGuard;
  readonly limits: AnnouncedLimits;
}

/**
 * The content that a peer sends, on its way to its streams, and the windows for it: they are given back when half of
 * them is used, within the frame that did so, so no peer can use them up. The stream bounds what is kept. (RFC 9113
 * §6.1, §6.9)
 */
export class InboundContent<Stream extends InboundStream> {
  /** Of all streams, what was not given back yet. */
  private receivedBytes = 0;
  /** Where the content of the DATA frame that is being read goes; `undefined` when its stream is no more. */
  private stream: Stream | undefined;
  private flags = 0;

  constructor(private readonly parts: InboundParts<Stream>) {}

  /**
   * A DATA frame begins. Its padding counts for the windows, and not as content. (RFC 9113 §6.1, §6.9.1)
   * @throws ConnectionError, StreamError.
   */
  begin(flags: number, streamId: number, frameBytes: number, contentBytes: number): void {
    const { guard } = this.parts;
    this.stream = undefined;
    this.flags = flags;
    if (contentBytes < SMALL_DATA_BYTES && (flags & Flag.endStream) === 0) {
      if (contentBytes === 0) guard.charge();
      else guard.charge(Cost.part, PART_WORK);
    }
    this.stream = this.streamFor(streamId, frameBytes, contentBytes);
  }

  /** The next of it. */
  take(bytes: Buffer, start: number, end: number): void {
    this.stream?.receive(bytes, start, end);
  }

  /** All of it has come. @throws StreamError. */
  end(): void {
    const { streams, sender, limits } = this.parts;
    const stream = this.stream;
    this.stream = undefined;
    // It may have ended while its content was read.
    if (stream === undefined || !streams.isOpen(stream)) return;
    if (this.flags & Flag.endStream) {
      streams.remoteEnded(stream);
    } else if (stream.receivedBytes >= limits.streamWindowBytes / 2) {
      sender.numberFrame(Frame.windowUpdate, stream.id, stream.receivedBytes);
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

  private streamFor(streamId: number, frameBytes: number, contentBytes: number): Stream | undefined {
    const { half, streams } = this.parts;
    if (!streams.hasBegun(streamId)) {
      throw new ConnectionError(Http2ErrorCode.protocolError, 'got DATA for a stream that never began');
    }
    this.takeFromWindow(frameBytes);
    const stream = streams.get(streamId);
    if (stream === undefined) {
      half.takeLateContent(streamId);
      return undefined;
    }
    half.expectContent(stream);
    stream.receivedBytes += frameBytes;
    if (stream.contentLeft < 0) return stream;
    stream.contentLeft -= contentBytes;
    if (stream.contentLeft >= 0) return stream;
    throw new StreamError(streamId, Http2ErrorCode.protocolError, 'got more than content-length');
  }

  private takeFromWindow(bytes: number): void {
    const { sender, limits } = this.parts;
    this.receivedBytes += bytes;
    if (this.receivedBytes < limits.connectionWindowBytes / 2) return;
    // What comes for a stream that is no more is given back, too: the other streams need the window.
    sender.numberFrame(Frame.windowUpdate, 0, this.receivedBytes);
    this.receivedBytes = 0;
  }
}
