import { ConnectionError, Http2ErrorCode } from './errors.js';
import { DEFAULT_MAX_FRAME_BYTES, Flag, FRAME_HEADER_BYTES, Frame, uint31 } from './frames.js';

/** Takes what {@link FrameReader} reads. */
export interface FrameSink {
  /** No further frame is to be read now: {@link FrameReader.readOn} goes on. */
  readonly isTurnOver: boolean;
  /** Whether a frame that has come whole is more work than there is time for now: then it begins the next turn. */
  isForNextTurn(type: number, flags: number, length: number): boolean;
  /** A whole frame; its payload is `bytes` from `start` to `end`, valid during the call alone. */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
  /** A DATA frame without padding begins: `length` bytes of it come by {@link data}. */
  beginData(flags: number, streamId: number, length: number): void;
  /** The next bytes of it, valid during the call alone. */
  data(bytes: Buffer, start: number, end: number): void;
  /** All of it has come. */
  endData(): void;
}

/**
 * Cuts what is read from a connection into frames. DATA passes through in the parts in which it comes, so nothing of
 * it is kept here; of other frames only what a read has left incomplete is. (RFC 9113 §4.1)
 */
export class FrameReader {
  /** The beginning of a frame that is to be whole before it is read; `undefined` nearly always. */
  private kept: Buffer | undefined;
  /** How much of a DATA frame is still to come. */
  private dataLeft = 0;
  private isInData = false;
  #isPaused = false;

  constructor(private readonly sink: FrameSink) {}

  /** A frame has begun and not ended. */
  get isInFrame(): boolean {
    return this.isInData || this.kept !== undefined;
  }

  /** The turn was over before all had been read. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Octets of a frame that have come and wait for the rest. */
  get keptBytes(): number {
    return this.kept?.length ?? 0;
  }

  /** @throws ConnectionError when a frame is longer than we allow, and whatever the sink throws. */
  push(bytes: Buffer, start: number, end: number): void {
    const kept = this.kept;
    if (kept === undefined && !this.#isPaused) {
      this.read(bytes, start, end);
      return;
    }
    const come = bytes.subarray(start, end);
    this.kept = kept === undefined ? Buffer.from(come) : Buffer.concat([kept, come]);
    if (!this.#isPaused) this.readOn();
  }

  /** Keeps what comes from now on, until {@link readOn}. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Reads what was left when the turn was over. @throws as {@link push}. */
  readOn(): void {
    const kept = this.kept;
    this.kept = undefined;
    this.#isPaused = false;
    if (kept !== undefined) this.read(kept, 0, kept.length, true);
  }

  /** `isOurs`: the memory is not used again when this returns. */
  private read(bytes: Buffer, start: number, end: number, isOurs = false): void {
    let at = start;
    for (;;) {
      if (this.isInData) {
        at = this.readData(bytes, at, end);
        if (this.isInData) return;
      }
      if (end - at < FRAME_HEADER_BYTES) break;
      if (this.sink.isTurnOver) {
        this.#isPaused = true;
        break;
      }
      // All by hand: this is run for each frame that comes, by code that may have hardly run yet.
      const length = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
      if (length > DEFAULT_MAX_FRAME_BYTES) {
        throw new ConnectionError(Http2ErrorCode.frameSizeError, `got a frame of ${length} bytes`);
      }
      const type = bytes[at + 3] ?? 0;
      const flags = bytes[at + 4] ?? 0;
      const streamId = uint31(bytes, at + 5);
      if (type === Frame.data && (flags & Flag.padded) === 0) {
        at += FRAME_HEADER_BYTES;
        this.isInData = true;
        this.dataLeft = length;
        this.sink.beginData(flags, streamId, length);
        continue;
      }
      const frameEnd = at + FRAME_HEADER_BYTES + length;
      if (frameEnd > end) break;
      if (this.sink.isForNextTurn(type, flags, length)) {
        this.#isPaused = true;
        break;
      }
      this.sink.frame(type, flags, streamId, bytes, at + FRAME_HEADER_BYTES, frameEnd);
      at = frameEnd;
    }
    if (at < end) this.kept = isOurs ? bytes.subarray(at, end) : Buffer.from(bytes.subarray(at, end));
  }

  private readData(bytes: Buffer, start: number, end: number): number {
    const size = Math.min(this.dataLeft, end - start);
    if (size > 0) {
      this.dataLeft -= size;
      this.sink.data(bytes, start, start + size);
    }
    if (this.dataLeft === 0) {
      this.isInData = false;
      this.sink.endData();
    }
    return start + size;
  }
}
