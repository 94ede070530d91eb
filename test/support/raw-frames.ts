import {
  encodeFrame,
  encodeHeaderBlock,
  encodeHeaders,
  encodeSettings,
  encodeWindowUpdate,
  Flag,
  Frame,
  type HeaderField,
  PREFACE,
  uint31,
} from '../../src/net/http2/index.js';

/** A frame as it came. */
export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** What every client says first: with these settings. */
export function opening(settings: readonly (readonly [id: number, value: number])[] = []): Buffer {
  return Buffer.concat([PREFACE, encodeSettings(settings)]);
}

const CALL: readonly HeaderField[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':authority', 'localhost'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
];

/** HEADERS of a gRPC call. */
export function callHeaders(streamId: number, path: string, more: readonly HeaderField[] = []): Buffer {
  return callsOf(path, more)(streamId);
}

/** The same for many streams, whose header block is made once. */
export function callsOf(path: string, more: readonly HeaderField[] = []): (streamId: number) => Buffer {
  const block = encodeHeaderBlock([[':path', path], ...CALL, ...more]);
  return (streamId) => encodeHeaders(streamId, block, 16_384);
}

/** A DATA frame with one whole gRPC message, or whatever bytes. */
export function data(streamId: number, bytes: Buffer, isLast = false): Buffer {
  return encodeFrame(Frame.data, isLast ? Flag.endStream : 0, streamId, bytes);
}

/** A gRPC message with its prefix. */
export function grpcMessage(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

export function ping(text = 'sidecert'): Buffer {
  return encodeFrame(Frame.ping, 0, 0, Buffer.from(text.padEnd(8).slice(0, 8)));
}

export function reset(streamId: number, code = 8): Buffer {
  return encodeFrame(Frame.resetStream, 0, streamId, Buffer.from([0, 0, 0, code]));
}

export function windowUpdate(streamId: number, bytes: number): Buffer {
  return encodeWindowUpdate(streamId, bytes);
}

/** All whole frames in `bytes`, and what is left behind them. */
export function framesIn(bytes: Buffer): { frames: RawFrame[]; rest: Buffer } {
  const frames: RawFrame[] = [];
  let at = 0;
  while (bytes.length - at >= 9 && bytes.length - at - 9 >= bytes.readUIntBE(at, 3)) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    frames.push({
      type: bytes[at + 3] ?? 0,
      flags: bytes[at + 4] ?? 0,
      streamId: uint31(bytes, at + 5),
      payload: bytes.subarray(at + 9, end),
    });
    at = end;
  }
  return { frames, rest: bytes.subarray(at) };
}

/** The code that a RST_STREAM or GOAWAY carries. */
export function codeOf({ type, payload }: RawFrame): number {
  return payload.readUInt32BE(type === Frame.goAway ? 4 : 0);
}
