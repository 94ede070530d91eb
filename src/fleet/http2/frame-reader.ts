import { DEFAULT_MAX_FRAME_BYTES, FRAME_HEADER_BYTES, uint24, uint31 } from '../../net/http2/index.js';

/** Takes one frame; its payload is `bytes` from `start` to `end`, and only valid during the call. */
export type FrameSink = (
  type: number,
  flags: number,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
) => void;

/** Cuts what is read from a socket into frames. Only what a read leaves incomplete is copied. */
export class FrameReader {
  private rest: Buffer | undefined;

  constructor(private readonly sink: FrameSink) {}

  /**
   * Takes the octets of `chunk` from `start` to `end`, which may be used again after the call.
   * @throws RangeError when a frame is longer than we allow.
   */
  push(chunk: Buffer, start: number, end: number): void {
    if (this.rest === undefined) {
      this.rest = this.read(chunk, start, end);
    } else {
      const whole = Buffer.concat([this.rest, chunk.subarray(start, end)]);
      this.rest = this.read(whole, 0, whole.length);
    }
  }

  private read(bytes: Buffer, start: number, stop: number): Buffer | undefined {
    let at = start;
    while (stop - at >= FRAME_HEADER_BYTES) {
      const size = uint24(bytes, at);
      if (size > DEFAULT_MAX_FRAME_BYTES) throw new RangeError(`http2: got a frame of ${size} bytes`);
      const end = at + FRAME_HEADER_BYTES + size;
      if (end > stop) break;
      const streamId = uint31(bytes, at + 5);
      this.sink(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, streamId, bytes, at + FRAME_HEADER_BYTES, end);
      at = end;
    }
    return at === stop ? undefined : Buffer.from(bytes.subarray(at, stop));
  }
}
