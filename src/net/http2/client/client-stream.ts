import type { HeaderField } from '../framing/header-table.js';
import type { InboundStream } from '../framing/inbound-half.js';

/** Who makes a request, and waits for the response to it. All are called from the event loop, none after `closed`. */
export interface ClientStreamEvents {
  /**
   * The header block of the request: asked for when it is sent, and once more when the peer has refused a whole one
   * without a look.
   */
  block(): Buffer;
  /** The final head of the response. */
  head(status: number, fields: readonly HeaderField[]): void;
  /** Content: `bytes` from `start` to `end`, valid during the call alone. */
  data(bytes: Buffer, start: number, end: number): void;
  /** What stands behind the content. */
  trailers(fields: readonly HeaderField[]): void;
  /**
   * The stream is no more. Called once, and not when the connection has ended, or the request was cancelled. `code` is
   * of `Http2ErrorCode`: `noError` when the response has ended, `refusedStream` when the peer has not looked at the
   * request. `fault` says what the peer did wrong, where we have ended the stream for that.
   */
  closed(code: number, fault: string | undefined): void;
}

/** A request that is there as a whole. */
export interface ClientRequest extends ClientStreamEvents {
  readonly content: Buffer;
}

/** The streams of a connection, as one of them sees them. */
export interface ClientStreamOwner {
  send(stream: ClientStream, parts: readonly Buffer[]): void;
  end(stream: ClientStream): void;
}

/** One request and its response, the client's half: a record for the classes beside it, who alone change it. */
export class ClientStream implements InboundStream {
  /** 0 until it is sent. */
  id = 0;
  /** Of what we may send, as {@link StreamWindows} keeps it. */
  windowChange = 0;
  /**
   * Content that waits for the peer's windows, or for the stream to begin. Empty nearly always, and then `undefined`.
   */
  queue: Buffer[] | undefined;
  queuedBytes = 0;
  /** Nothing follows what is queued. */
  isEnding = false;
  /** All content has been sent, and that it was all. */
  isSent = false;
  /** The final head of the response has come. */
  hasHead = false;
  receivedBytes = 0;
  contentLeft = -1;
  /** It is no more: nothing further is told of it. */
  isOver = false;
  /** It is sent for the second time. */
  wasRefused = false;

  constructor(
    readonly events: ClientStreamEvents,
    private readonly streams: ClientStreamOwner,
    /** Of a request that is there as a whole, and so can be sent again. */
    readonly content?: Buffer,
  ) {
    this.rewind();
  }

  /**
   * Sends content as soon as the peer lets it; the parts may be shared, and must not change any more. Nothing happens
   * when the stream is no more, or was ended.
   */
  send(parts: readonly Buffer[]): void {
    this.streams.send(this, parts);
  }

  /** Says that no content follows. The response goes on. Safe to call twice. */
  end(): void {
    this.streams.end(this);
  }

  receive(bytes: Buffer, start: number, end: number): void {
    if (!this.isOver) this.events.data(bytes, start, end);
  }

  /** For its owner: adds content behind what waits. */
  add(parts: readonly Buffer[]): void {
    for (const part of parts) {
      if (part.length === 0) continue;
      this.queue ??= [];
      this.queue.push(part);
      this.queuedBytes += part.length;
    }
  }

  /** For the sender: moves `length` bytes of what waits to `target`. */
  moveTo(target: Buffer, at: number, length: number): void {
    const { queue } = this;
    let to = at;
    const end = at + length;
    while (queue !== undefined && to < end) {
      const part = queue[0];
      if (part === undefined) break;
      const size = Math.min(part.length, end - to);
      part.copy(target, to, 0, size);
      if (size === part.length) queue.shift();
      else queue[0] = part.subarray(size);
      to += size;
    }
    this.queuedBytes -= length;
    if (this.queuedBytes === 0) this.queue = undefined;
  }

  /** Makes it one that was not sent. */
  rewind(): void {
    this.id = 0;
    this.windowChange = 0;
    this.isSent = false;
    this.queue = undefined;
    this.queuedBytes = 0;
    if (this.content === undefined) return;
    this.add([this.content]);
    this.isEnding = true;
  }
}
