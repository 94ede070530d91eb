/** Frame types. (RFC 9113 §6) */
export const Frame = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export const FRAME_HEADER_BYTES = 9;

/** What either side may send until the other says otherwise. (RFC 9113 §6.5.2, §6.9.2) */
export const DEFAULT_MAX_FRAME_BYTES = 16_384;
export const DEFAULT_WINDOW_BYTES = 65_535;

/** What SETTINGS_MAX_FRAME_SIZE may go up to. (RFC 9113 §6.5.2) */
export const LARGEST_MAX_FRAME_BYTES = 2 ** 24 - 1;

/** RFC 9113 §6.9.1 */
export const MAX_WINDOW_BYTES = 2 ** 31 - 1;

/** What a client says first. (RFC 9113 §3.4) */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

const ERROR_NAMES = [
  ...['NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'FLOW_CONTROL_ERROR', 'SETTINGS_TIMEOUT', 'STREAM_CLOSED'],
  ...['FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL', 'COMPRESSION_ERROR', 'CONNECT_ERROR', 'ENHANCE_YOUR_CALM'],
  ...['INADEQUATE_SECURITY', 'HTTP_1_1_REQUIRED'],
];

/** `CANCEL` for 8; an unknown code as its number. (RFC 9113 §7) */
export function errorName(code: number): string {
  return ERROR_NAMES[code] ?? String(code);
}

/** Writes the nine octets of a frame header into `target`. */
export function writeFrameHeader(
  target: Buffer,
  type: number,
  flags: number,
  streamId: number,
  length: number,
  at = 0,
): void {
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  writeUint32(target, streamId, at + 5);
}

/** A whole frame. */
export function encodeFrame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(frame, type, flags, streamId, payload.length);
  payload.copy(frame, FRAME_HEADER_BYTES);
  return frame;
}

/** HEADERS, and as many CONTINUATIONs as a long token needs. With `isLast` the stream ends with them. */
export function encodeHeaders(streamId: number, block: Buffer, maxFrameBytes: number, isLast = false): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += maxFrameBytes) {
    const isFirst = at === 0;
    const flags = (at + maxFrameBytes >= block.length ? Flag.endHeaders : 0) | (isFirst && isLast ? Flag.endStream : 0);
    const type = isFirst ? Frame.headers : Frame.continuation;
    frames.push(encodeFrame(type, flags, streamId, block.subarray(at, at + maxFrameBytes)));
  }
  return Buffer.concat(frames);
}

export function encodeWindowUpdate(streamId: number, bytes: number): Buffer {
  return encodeFrame(Frame.windowUpdate, 0, streamId, encodeUint32(bytes));
}

/** GOAWAY with a text for people, which is cut. (RFC 9113 §6.8) */
export function encodeGoAway(lastStreamId: number, code: number, reason: string): Buffer {
  const text = Buffer.from(reason.slice(0, 100), 'latin1');
  return encodeFrame(Frame.goAway, 0, 0, Buffer.concat([encodeUint32(lastStreamId), encodeUint32(code), text]));
}

/** A SETTINGS frame with these settings. */
export function encodeSettings(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return encodeFrame(Frame.settings, 0, 0, payload);
}

/**
 * The top bit is reserved, and not read. By hand, here and where frames are written: Buffer's own methods check much,
 * at every frame.
 */
export function uint31(bytes: Buffer, at: number): number {
  return (
    (((bytes[at] ?? 0) & 0x7f) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  );
}

export function uint32(bytes: Buffer, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  );
}

export function writeUint32(target: Buffer, value: number, at: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

function encodeUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
