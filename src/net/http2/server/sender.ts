import { beginFrame, copyFrames, type FrameOutput, writeNumberFrame } from '../framing/frame-output.js';
import { DEFAULT_MAX_FRAME_BYTES, encodeHeaders, Flag, FRAME_HEADER_BYTES, Frame } from '../framing/frames.js';
import type { InboundAnswers } from '../framing/inbound-half.js';
import type { PeerSettings } from '../framing/peer-settings.js';
import { type ContentSender, SendWindows } from '../framing/send-windows.js';
import type { OutboxOwner, Wire } from '../framing/wire.js';
import type { ServerStream } from './server-stream.js';

/**
 * All but content that waits for a peer to read, while it goes on to send: 4 000 streams that are refused at once, when
 * the token that all of them have is, are 500 kB. Content is bounded by the peer's windows, and by what its streams
 * want.
 */
const MAX_UNREAD_BYTES = 1024 * 1024;

/**
 * Of content that is one stream's alone, such as certificates that a caller asked for: 256 of them at once, of 10 kB,
 * are less than 3 MB. Content that streams share costs nothing for one more of them.
 */
const MAX_UNREAD_OWN_BYTES = 16 * 1024 * 1024;

/**
 * Larger blocks than this do not go through the outbox: trailers with a long text. Any frame has room for one that
 * does.
 */
const MAX_BLOCK_IN_OUTBOX = 1024;

/**
 * What a connection sends, and what its peer lets it send. Frames are gathered in the outbox while a read is worked
 * off, and go out with the content that follows them, or by {@link flush}. (RFC 9113 §5.2, §6.9)
 */
export class Sender implements FrameOutput, OutboxOwner, InboundAnswers<ServerStream>, ContentSender<ServerStream> {
  private readonly windows = new SendWindows<ServerStream>(this);
  private maxFrame = DEFAULT_MAX_FRAME_BYTES;
  /** Sent besides content, since the peer has read all. */
  private besidesContent = 0;
  /** The same of content that no other stream has. */
  private ownContent = 0;

  constructor(
    private readonly wire: Wire,
    /** Called when the last of a stream has been sent. */
    private readonly onStreamSent: (stream: ServerStream) => void,
  ) {}

  get memory(): Buffer {
    return this.wire.outbox.bytes;
  }

  claim(bytes: number): number {
    return this.wire.outbox.claim(this, bytes);
  }

  flush(): void {
    if (this.claim(0) > 0) this.wire.send(this.wire.outbox.take());
  }

  frames(bytes: Buffer): void {
    this.besidesContent += bytes.length;
    copyFrames(this, bytes);
  }

  /**
   * To be called before something of the peer is worked off: behind that there is always a backlog, of what the peer
   * has had no time to read yet.
   */
  noteRead(): void {
    if (this.wire.backlogBytes > 0) return;
    this.besidesContent = 0;
    this.ownContent = 0;
  }

  /** Whether the peer lets pile up what it brings about itself; to be asked when something of it was worked off. */
  isUnread(): boolean {
    this.noteRead();
    return this.besidesContent > MAX_UNREAD_BYTES || this.ownContent > MAX_UNREAD_OWN_BYTES;
  }

  numberFrame(type: number, streamId: number, value: number): void {
    this.besidesContent += writeNumberFrame(this, type, streamId, value);
  }

  headers(streamId: number, block: Buffer, isLast: boolean): void {
    if (block.length <= MAX_BLOCK_IN_OUTBOX) {
      const flags = isLast ? Flag.endHeaders | Flag.endStream : Flag.endHeaders;
      const at = beginFrame(this, Frame.headers, flags, streamId, block.length);
      this.memory.set(block, at);
      this.besidesContent += FRAME_HEADER_BYTES + block.length;
      return;
    }
    const encoded = encodeHeaders(streamId, block, this.maxFrame, isLast);
    this.besidesContent += encoded.length;
    this.flush();
    this.wire.send(0, encoded);
  }

  /** Sends content now, as far as the windows allow; the rest follows when they do. */
  data(stream: ServerStream, head: Buffer, tail: Buffer, onWritten?: () => void): void {
    const length = head.length + tail.length;
    if (stream.queue === undefined && length <= Math.min(this.windows.roomOf(stream), this.maxFrame)) {
      if (onWritten === undefined) this.ownContent += length;
      this.frame(stream, length, head, tail, onWritten);
      return;
    }
    stream.queue ??= [];
    stream.queue.push({ head, tail: Buffer.from(tail), sent: 0, onWritten });
    this.pump(stream);
  }

  /** Ends a stream behind its content. */
  trailers(stream: ServerStream, block: Buffer): void {
    if (stream.queue !== undefined) {
      stream.trailers = block;
      return;
    }
    this.headers(stream.id, block, true);
    this.onStreamSent(stream);
  }

  /** Gives up what of a stream still waits. */
  forget(stream: ServerStream): void {
    const { queue } = stream;
    stream.queue = undefined;
    this.windows.forget(stream);
    if (queue !== undefined) for (const { onWritten } of queue) onWritten?.();
  }

  grow(stream: ServerStream | undefined, bytes: number): void {
    this.windows.grow(stream, bytes);
  }

  /**
   * Takes the peer's settings over, for the streams that are open too. Gives how many of them had to be looked at for
   * that.
   * @throws ConnectionError: a window above what it may be. (RFC 9113 §6.9.2)
   */
  apply({ initialWindowBytes, maxFrameBytes }: PeerSettings, streams: Iterable<ServerStream>): number {
    this.maxFrame = maxFrameBytes ?? this.maxFrame;
    return initialWindowBytes === undefined ? 0 : this.windows.resize(initialWindowBytes, streams);
  }

  pump(stream: ServerStream): void {
    const { queue } = stream;
    if (queue === undefined) return;
    while (queue.length > 0) {
      const [first] = queue;
      if (first === undefined) break;
      const left = first.head.length + first.tail.length - first.sent;
      const length = Math.min(left, this.windows.roomOf(stream), this.maxFrame);
      if (length === 0 && left > 0) {
        this.windows.wait(stream);
        return;
      }
      const isLast = length === left;
      const inHead = Math.max(0, first.head.length - first.sent);
      const head = first.head.subarray(first.head.length - inHead).subarray(0, length);
      const tailStart = Math.max(0, first.sent - first.head.length);
      const tail = first.tail.subarray(tailStart, tailStart + length - head.length);
      first.sent += length;
      if (isLast) queue.shift();
      if (first.onWritten === undefined) this.ownContent += length;
      this.frame(stream, length, head, tail, isLast ? first.onWritten : undefined);
    }
    this.windows.forget(stream);
    stream.queue = undefined;
    const { trailers } = stream;
    if (trailers === undefined) return;
    this.headers(stream.id, trailers, true);
    this.onStreamSent(stream);
  }

  /** Sends a DATA frame, behind what lies in the outbox. */
  private frame(
    stream: ServerStream,
    length: number,
    head: Buffer,
    tail: Buffer,
    onWritten: (() => void) | undefined,
  ): void {
    this.windows.use(stream, length);
    beginFrame(this, Frame.data, 0, stream.id, length, 0);
    this.wire.send(this.wire.outbox.take(), head, tail, onWritten);
  }
}
