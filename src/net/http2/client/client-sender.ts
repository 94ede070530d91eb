import { beginFrame, copyFrames, writeNumberFrame } from '../framing/frame-output.js';
import { DEFAULT_MAX_FRAME_BYTES, encodeHeaders, Flag, Frame } from '../framing/frames.js';
import type { InboundAnswers } from '../framing/inbound-half.js';
import { type ContentSender, SendWindows } from '../framing/send-windows.js';
import type { ClientOutput } from './client-output.js';
import type { ClientStream } from './client-stream.js';

/** Besides requests: what a peer brings about, and does not read. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** What a client sends, and what its peer lets it send. No frame is longer than any peer takes. (RFC 9113 §5.2) */
export class ClientSender implements InboundAnswers<ClientStream>, ContentSender<ClientStream> {
  private readonly windows = new SendWindows<ClientStream>(this);
  /** Sent besides requests, since the peer has read all. */
  private besidesRequests = 0;

  constructor(private readonly output: ClientOutput) {}

  /** Lets all of it leave now. */
  flush(): void {
    this.output.flush();
  }

  /** Sends no content any more. */
  stop(): void {
    this.windows.forgetAll();
  }

  /**
   * To be called before something of the peer is worked off: behind that there may always be a backlog, of what the
   * peer has had no time to read yet.
   */
  noteRead(): void {
    if (this.output.backlogBytes === 0) this.besidesRequests = 0;
  }

  /** Whether the peer lets pile up what it brings about itself; to be asked when something of it was worked off. */
  isUnread(): boolean {
    this.noteRead();
    return this.besidesRequests > MAX_UNREAD_BYTES;
  }

  frames(bytes: Buffer): void {
    this.besidesRequests += bytes.length;
    this.append(bytes);
  }

  numberFrame(type: number, streamId: number, value: number): void {
    this.besidesRequests += writeNumberFrame(this.output, type, streamId, value);
  }

  /** Begins a stream: sends its head now, its content as far as the windows allow, and the rest when they do. */
  begin(stream: ClientStream): void {
    const block = stream.events.block();
    if (block.length <= DEFAULT_MAX_FRAME_BYTES) {
      const at = beginFrame(this.output, Frame.headers, Flag.endHeaders, stream.id, block.length);
      block.copy(this.output.memory, at);
    } else {
      this.append(encodeHeaders(stream.id, block, DEFAULT_MAX_FRAME_BYTES));
    }
    this.pump(stream);
  }

  /**
   * Sends content of a stream that has begun: at once, when the windows and a frame have room for all of it. By index:
   * thousands of connections begin before this has been optimised, and each step of an iterator is an object then.
   */
  send(stream: ClientStream, parts: readonly Buffer[]): void {
    let length = 0;
    for (let index = 0; index < parts.length; index += 1) length += parts[index]?.length ?? 0;
    if (length === 0) return;
    if (stream.queue !== undefined || length > Math.min(this.windows.roomOf(stream), DEFAULT_MAX_FRAME_BYTES)) {
      stream.add(parts);
      this.pump(stream);
      return;
    }
    let at = beginFrame(this.output, Frame.data, 0, stream.id, length);
    this.windows.use(stream, length);
    for (let index = 0; index < parts.length; index += 1) {
      at += parts[index]?.copy(this.output.memory, at) ?? 0;
    }
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
    if (stream.isSent || (stream.queue === undefined && !stream.isEnding)) return;
    do {
      const left = stream.queuedBytes;
      const length = Math.min(left, this.windows.roomOf(stream), DEFAULT_MAX_FRAME_BYTES);
      if (length === 0 && left > 0) {
        this.windows.wait(stream);
        return;
      }
      stream.isSent = stream.isEnding && length === left;
      const at = beginFrame(this.output, Frame.data, stream.isSent ? Flag.endStream : 0, stream.id, length);
      stream.moveTo(this.output.memory, at, length);
      this.windows.use(stream, length);
    } while (stream.queuedBytes > 0);
    this.windows.forget(stream);
  }

  private append(bytes: Buffer): void {
    if (bytes.length <= DEFAULT_MAX_FRAME_BYTES) {
      copyFrames(this.output, bytes);
      return;
    }
    for (let from = 0; from < bytes.length; from += DEFAULT_MAX_FRAME_BYTES) {
      copyFrames(this.output, bytes.subarray(from, from + DEFAULT_MAX_FRAME_BYTES));
    }
  }
}
