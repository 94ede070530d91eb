import { grownWindow } from './frame-checks.js';
import { DEFAULT_WINDOW_BYTES } from './frames.js';
import { StreamWindows, type WindowedStream } from './stream-windows.js';

/** Sends what waits. */
export interface ContentSender<Stream> {
  /** Sends what the windows allow of a stream's content. Nothing happens when none waits. */
  pump(stream: Stream): void;
}

/**
 * The windows for the content that one half sends, of the connection and of each stream, and the streams that wait for
 * either. (RFC 9113 §5.2, §6.9)
 */
export class SendWindows<Stream extends WindowedStream> {
  private connection = DEFAULT_WINDOW_BYTES;
  private readonly streams = new StreamWindows();
  /** Streams with content that waits for the window of the connection, and have room in their own. */
  private waiting: Set<Stream> | undefined;
  /** Streams with content that waits for their own window: no room of the connection's is of any use to them. */
  private blocked: Set<Stream> | undefined;

  constructor(private readonly sender: ContentSender<Stream>) {}

  /** How much a stream may send now. Its own window is below 0 when SETTINGS have made it smaller. (RFC 9113 §6.9.2) */
  roomOf(stream: Stream): number {
    return Math.max(0, Math.min(this.connection, this.streams.of(stream)));
  }

  /** A stream has sent so much. */
  use(stream: Stream, bytes: number): void {
    this.connection -= bytes;
    this.streams.use(stream, bytes);
  }

  /** A stream has content, and no room: it is pumped when there is some. */
  wait(stream: Stream): void {
    const [of, other] =
      this.streams.of(stream) > 0 ? (['waiting', 'blocked'] as const) : (['blocked', 'waiting'] as const);
    this[other]?.delete(stream);
    this[of] ??= new Set();
    this[of].add(stream);
  }

  /** A stream waits no more: all of it has been sent, or given up. */
  forget(stream: Stream): void {
    this.waiting?.delete(stream);
    this.blocked?.delete(stream);
  }

  /** Forgets all of them. */
  forgetAll(): void {
    this.waiting = undefined;
    this.blocked = undefined;
  }

  /** @throws ConnectionError, StreamError: a window above what it may be. */
  grow(stream: Stream | undefined, bytes: number): void {
    if (stream !== undefined) {
      this.streams.grow(stream, bytes);
      this.sender.pump(stream);
      return;
    }
    this.connection = grownWindow(0, this.connection, bytes);
    // Each stream that is looked at gets some of it, or has its own used up. What is sent can end others, which leave
    // the set then.
    if (this.waiting === undefined) return;
    for (const one of this.waiting) {
      if (this.connection <= 0) return;
      this.sender.pump(one);
    }
  }

  /**
   * Takes over what the peer lets each stream send, the open ones too. Gives how many had to be looked at for that.
   * @throws ConnectionError: a window above what it may be. (RFC 9113 §6.9.2)
   */
  resize(initialWindowBytes: number, streams: Iterable<Stream>): number {
    let lookedAt = this.streams.resize(initialWindowBytes, streams);
    if (this.blocked === undefined) return lookedAt;
    for (const one of this.blocked) {
      lookedAt += 1;
      this.sender.pump(one);
    }
    return lookedAt;
  }
}
