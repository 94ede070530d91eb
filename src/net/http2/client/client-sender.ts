import { grownWindow } from '../framing/frame-checks.js';
import {
  DEFAULT_MAX_FRAME_BYTES,
  DEFAULT_WINDOW_BYTES,
  encodeHeaders,
  Flag,
  FRAME_HEADER_BYTES,
  Frame,
  writeFrameHeader,
  writeUint32,
} from '../framing/frames.js';
import { StreamWindows } from '../framing/stream-windows.js';
import type { ClientWire } from './client-options.js';
import type { ClientStream } from './client-stream.js';

/** Frames are written into pieces of this size: the requests of two dozen calls, with their tokens, go into one. */
const SLAB_BYTES = 64 * 1024;

/** Besides requests: what a peer brings about, and does not read. */
const MAX_UNREAD_BYTES = 1024 * 1024;

const NUMBER_BYTES = 4;

/**
 * What a client sends, and what its peer lets it send. All frames of a turn of the event loop go out in one write at its
 * end: each write is at least one TLS record and one system call. No frame is longer than any peer takes. (RFC 9113 §5.2)
 */
export class ClientSender {
  private slab: Buffer = Buffer.alloc(0);
  /** What of the slab was not written yet begins here. */
  private start = 0;
  private used = 0;
  private immediate: NodeJS.Immediate | undefined;
  private window = DEFAULT_WINDOW_BYTES;
  private readonly windows = new StreamWindows();
  /** Streams with content that waits for the window of the connection, and have room in their own. */
  private readonly waiting = new Set<ClientStream>();
  /** Streams with content that waits for their own window: no room of the connection's is of any use to them. */
  private readonly blocked = new Set<ClientStream>();
  /** Sent besides requests, since the peer has read all. */
  private besidesRequests = 0;

  constructor(private readonly wire: ClientWire) {}

  /** Writes at once what was gathered. */
  flush(): void {
    clearImmediate(this.immediate);
    this.immediate = undefined;
    if (this.used === this.start) return;
    const bytes = this.slab.subarray(this.start, this.used);
    this.start = this.used;
    this.wire.write(bytes);
  }

  /** Sends nothing any more. */
  stop(): void {
    clearImmediate(this.immediate);
    this.waiting.clear();
    this.blocked.clear();
  }

  /** Whether the peer lets pile up what it brings about itself; to be asked when something of it was read. */
  isUnread(): boolean {
    if (this.wire.backlogBytes === 0) this.besidesRequests = 0;
    return this.besidesRequests > MAX_UNREAD_BYTES;
  }

  /** Bytes that are a frame, or several, already. */
  frames(bytes: Buffer): void {
    this.besidesRequests += bytes.length;
    this.append(bytes);
  }

  /** A frame with one number in it: RST_STREAM and WINDOW_UPDATE. */
  numberFrame(type: number, streamId: number, value: number): void {
    this.besidesRequests += FRAME_HEADER_BYTES + NUMBER_BYTES;
    const at = this.frame(type, 0, streamId, NUMBER_BYTES);
    writeUint32(this.slab, value, at);
  }

  /** Sends a request: its head now, its content as far as the windows allow, and the rest when they do. */
  request(stream: ClientStream): void {
    const block = stream.request.block();
    if (block.length <= DEFAULT_MAX_FRAME_BYTES) {
      const at = this.frame(Frame.headers, Flag.endHeaders, stream.id, block.length);
      block.copy(this.slab, at);
    } else {
      this.append(encodeHeaders(stream.id, block, DEFAULT_MAX_FRAME_BYTES));
    }
    this.pump(stream);
  }

  /** Gives up what of a stream still waits. */
  forget(stream: ClientStream): void {
    if (stream.isSent) return;
    this.waiting.delete(stream);
    this.blocked.delete(stream);
  }

  /** @throws ConnectionError, StreamError: a window above what it may be. */
  grow(stream: ClientStream | undefined, bytes: number): void {
    if (stream === undefined) {
      this.window = grownWindow(0, this.window, bytes);
      this.pumpWaiting();
      return;
    }
    this.windows.grow(stream, bytes);
    if (!stream.isSent) this.pump(stream);
  }

  /**
   * Takes over what the peer lets each stream send, the open ones too. Gives how many of them had to be looked at for that.
   * @throws ConnectionError. (RFC 9113 §6.9.2)
   */
  resize(initialWindowBytes: number, streams: Iterable<ClientStream>): number {
    const lookedAt = this.windows.resize(initialWindowBytes, streams);
    return lookedAt + this.pumpBlocked();
  }

  /** Sends what waits for the window of the connection. Each stream that is looked at gets some of it, or has its own used up. */
  private pumpWaiting(): void {
    for (const stream of this.waiting) {
      if (this.window <= 0) return;
      this.pump(stream);
    }
  }

  /** Looks at all that waited for their own windows; gives how many those were. */
  private pumpBlocked(): number {
    let count = 0;
    for (const stream of this.blocked) {
      count += 1;
      this.pump(stream);
    }
    return count;
  }

  /** Sends what the windows allow of a request's content. */
  private pump(stream: ClientStream): void {
    const { content } = stream.request;
    while (!stream.isSent) {
      const left = content.length - stream.sentBytes;
      // A window is below zero when SETTINGS have made it smaller. (RFC 9113 §6.9.2)
      const own = this.windows.of(stream);
      const length = Math.min(left, Math.max(0, Math.min(this.window, own)), DEFAULT_MAX_FRAME_BYTES);
      if (length === 0 && left > 0) {
        (own > 0 ? this.blocked : this.waiting).delete(stream);
        (own > 0 ? this.waiting : this.blocked).add(stream);
        return;
      }
      stream.isSent = length === left;
      const at = this.frame(Frame.data, stream.isSent ? Flag.endStream : 0, stream.id, length);
      content.copy(this.slab, at, stream.sentBytes, stream.sentBytes + length);
      stream.sentBytes += length;
      this.windows.use(stream, length);
      this.window -= length;
    }
    this.waiting.delete(stream);
    this.blocked.delete(stream);
  }

  /** Begins a frame; gives the place for its payload. */
  private frame(type: number, flags: number, streamId: number, length: number): number {
    const at = this.claim(FRAME_HEADER_BYTES + length);
    writeFrameHeader(this.slab, type, flags, streamId, length, at);
    return at + FRAME_HEADER_BYTES;
  }

  private append(bytes: Buffer): void {
    const at = this.claim(bytes.length);
    bytes.copy(this.slab, at);
  }

  /** Gives the place for `bytes` more of them, which go out with all else of this turn. */
  private claim(bytes: number): number {
    if (this.used + bytes > this.slab.length) {
      this.flush();
      // The memory that was written is the wire's now; none of it is used twice.
      this.slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
      this.start = 0;
      this.used = 0;
    }
    this.immediate ??= setImmediate(flush, this);
    const at = this.used;
    this.used += bytes;
    return at;
  }
}

function flush(sender: ClientSender): void {
  sender.flush();
}
