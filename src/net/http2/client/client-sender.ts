import {
  DEFAULT_MAX_FRAME_BYTES,
  encodeHeaders,
  Flag,
  FRAME_HEADER_BYTES,
  Frame,
  writeFrameHeader,
  writeUint32,
} from '../framing/frames.js';
import type { InboundAnswers } from '../framing/inbound-half.js';
import { type ContentSender, SendWindows } from '../framing/send-windows.js';
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
export class ClientSender implements InboundAnswers<ClientStream>, ContentSender<ClientStream> {
  private slab: Buffer = Buffer.alloc(0);
  /** What of the slab was not written yet begins here. */
  private start = 0;
  private used = 0;
  private immediate: NodeJS.Immediate | undefined;
  private readonly windows = new SendWindows<ClientStream>(this);
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
    this.windows.forgetAll();
  }

  /** Whether the peer lets pile up what it brings about itself; to be asked when something of it was read. */
  isUnread(): boolean {
    if (this.wire.backlogBytes === 0) this.besidesRequests = 0;
    return this.besidesRequests > MAX_UNREAD_BYTES;
  }

  frames(bytes: Buffer): void {
    this.besidesRequests += bytes.length;
    this.append(bytes);
  }

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
    if (!stream.isSent) this.windows.forget(stream);
  }

  grow(stream: ClientStream | undefined, bytes: number): void {
    this.windows.grow(stream, bytes);
  }

  /** As {@link SendWindows.resize}. @throws ConnectionError. */
  resize(initialWindowBytes: number, streams: Iterable<ClientStream>): number {
    return this.windows.resize(initialWindowBytes, streams);
  }

  pump(stream: ClientStream): void {
    if (stream.isSent) return;
    const { content } = stream.request;
    while (!stream.isSent) {
      const left = content.length - stream.sentBytes;
      const length = Math.min(left, this.windows.roomOf(stream), DEFAULT_MAX_FRAME_BYTES);
      if (length === 0 && left > 0) {
        this.windows.wait(stream);
        return;
      }
      stream.isSent = length === left;
      const at = this.frame(Frame.data, stream.isSent ? Flag.endStream : 0, stream.id, length);
      content.copy(this.slab, at, stream.sentBytes, stream.sentBytes + length);
      stream.sentBytes += length;
      this.windows.use(stream, length);
    }
    this.windows.forget(stream);
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
