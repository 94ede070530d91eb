import { grownWindow } from './frame-checks.js';
import { DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES } from './frames.js';

/** What a stream may send, as {@link StreamWindows} keeps it. */
export interface WindowedStream {
  readonly id: number;
  /** What WINDOW_UPDATEs have added to the initial window, less what was sent: 0 when the stream begins. */
  windowChange: number;
}

/**
 * What a peer lets each stream of a connection send. A window is kept as its distance from
 * SETTINGS_INITIAL_WINDOW_SIZE, which counts for open streams, too: so a change of that costs the same for ten thousand
 * streams as for one. (RFC 9113 §6.9.2)
 */
export class StreamWindows {
  #initialBytes = DEFAULT_WINDOW_BYTES;
  /** No stream is further above the initial window; the one that was may have ended, or have sent. */
  private mostChange = 0;

  /** What a stream may send; below 0 when SETTINGS have made the window smaller than what was sent. */
  of(stream: WindowedStream): number {
    return this.#initialBytes + stream.windowChange;
  }

  /** A stream has sent so much. */
  use(stream: WindowedStream, bytes: number): void {
    stream.windowChange -= bytes;
  }

  /** A WINDOW_UPDATE. @throws StreamError: the window is above what it may be. */
  grow(stream: WindowedStream, bytes: number): void {
    stream.windowChange = grownWindow(stream.id, this.of(stream), bytes) - this.#initialBytes;
    if (stream.windowChange > this.mostChange) this.mostChange = stream.windowChange;
  }

  /**
   * Takes the peer's SETTINGS_INITIAL_WINDOW_SIZE over for all of `streams`, the open ones. Gives how many streams had
   * to be looked at: none, unless one of them may have a window above what it may be.
   * @throws ConnectionError: one has, and by SETTINGS that is the connection's fault.
   */
  resize(initialBytes: number, streams: Iterable<WindowedStream>): number {
    let lookedAt = 0;
    if (initialBytes + this.mostChange > MAX_WINDOW_BYTES) {
      let mostChange = 0;
      for (const { windowChange } of streams) {
        lookedAt += 1;
        if (windowChange > mostChange) mostChange = windowChange;
      }
      this.mostChange = mostChange;
      grownWindow(0, initialBytes, mostChange);
    }
    this.#initialBytes = initialBytes;
    return lookedAt;
  }
}
