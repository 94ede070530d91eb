import { FRAME_HEADER_BYTES, writeFrameHeader, writeUint32 } from './frames.js';

const NUMBER_BYTES = 4;

/** What either half of a connection writes its frames into. They leave in order, some time after they were written. */
export interface FrameOutput {
  /** Where frames are written: at the places that were claimed, before anything else is called. */
  readonly memory: Buffer;
  /** Makes room for `bytes` more, at most a frame of the usual size, and gives their place in {@link memory}. */
  claim(bytes: number): number;
}

/**
 * Writes the header of a frame, and gives the place for its payload of `length` octets: for all of it, or for the
 * `room` that is said, when the rest leaves by another way.
 */
export function beginFrame(
  output: FrameOutput,
  type: number,
  flags: number,
  streamId: number,
  length: number,
  room = length,
): number {
  const at = output.claim(FRAME_HEADER_BYTES + room);
  writeFrameHeader(output.memory, type, flags, streamId, length, at);
  return at + FRAME_HEADER_BYTES;
}

/** Writes a frame whose payload is one number: RST_STREAM, WINDOW_UPDATE. Gives how many octets it has. */
export function writeNumberFrame(output: FrameOutput, type: number, streamId: number, value: number): number {
  const at = beginFrame(output, type, 0, streamId, NUMBER_BYTES);
  writeUint32(output.memory, value, at);
  return FRAME_HEADER_BYTES + NUMBER_BYTES;
}

/** Writes frames that are whole already, of at most the usual size together. */
export function copyFrames(output: FrameOutput, bytes: Buffer): void {
  const at = output.claim(bytes.length);
  output.memory.set(bytes, at);
}
