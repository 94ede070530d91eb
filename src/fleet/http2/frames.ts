/** Frame types. (RFC 9113 §6) */
export const Frame = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

export const Setting = { headerTableSize: 1, enablePush: 2, initialWindowSize: 4, maxFrameSize: 5 } as const;

export const FRAME_HEADER_BYTES = 9;

/** What either side may send until the other says otherwise. (RFC 9113 §6.5.2, §6.9.2) */
export const DEFAULT_MAX_FRAME_BYTES = 16_384;
export const DEFAULT_WINDOW_BYTES = 65_535;

/** RFC 9113 §6.9.1 */
export const MAX_WINDOW_BYTES = 2 ** 31 - 1;

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

const ERROR_NAMES = [
  ...['NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'FLOW_CONTROL_ERROR', 'SETTINGS_TIMEOUT', 'STREAM_CLOSED'],
  ...['FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL', 'COMPRESSION_ERROR', 'CONNECT_ERROR', 'ENHANCE_YOUR_CALM'],
  ...['INADEQUATE_SECURITY', 'HTTP_1_1_REQUIRED'],
];

/** `CANCEL` for 8; an unknown code as its number. (RFC 9113 §7) */
export function errorName(code: number): string {
  return ERROR_NAMES[code] ?? String(code);
}

/** Writes the nine octets of a frame header to the beginning of `target`. */
export function writeFrameHeader(target: Buffer, type: number, flags: number, streamId: number, length: number): void {
  target[0] = length >>> 16;
  target[1] = length >>> 8;
  target[2] = length;
  target[3] = type;
  target[4] = flags;
  target[5] = streamId >>> 24;
  target[6] = streamId >>> 16;
  target[7] = streamId >>> 8;
  target[8] = streamId;
}

/** A whole frame. */
export function encodeFrame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(frame, type, flags, streamId, payload.length);
  payload.copy(frame, FRAME_HEADER_BYTES);
  return frame;
}

/** HEADERS, and as many CONTINUATIONs as a long token needs. */
export function encodeHeaders(streamId: number, block: Buffer, maxFrameBytes: number): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += maxFrameBytes) {
    const flags = at + maxFrameBytes >= block.length ? Flag.endHeaders : 0;
    const type = at === 0 ? Frame.headers : Frame.continuation;
    frames.push(encodeFrame(type, flags, streamId, block.subarray(at, at + maxFrameBytes)));
  }
  return Buffer.concat(frames);
}

export function encodeWindowUpdate(streamId: number, bytes: number): Buffer {
  return encodeFrame(Frame.windowUpdate, 0, streamId, uint32(bytes));
}

/**
 * What a client says first: no dynamic table (so that header blocks can be read without state), no push, and windows
 * that never make the server wait.
 */
export function encodeOpening(initialWindowBytes: number): Buffer {
  const settings = [
    [Setting.headerTableSize, 0],
    [Setting.enablePush, 0],
    [Setting.initialWindowSize, initialWindowBytes],
  ].map(([id = 0, value = 0]) => {
    const entry = Buffer.alloc(6);
    entry.writeUInt16BE(id, 0);
    entry.writeUInt32BE(value, 2);
    return entry;
  });
  return Buffer.concat([
    PREFACE,
    encodeFrame(Frame.settings, 0, 0, Buffer.concat(settings)),
    encodeWindowUpdate(0, MAX_WINDOW_BYTES - DEFAULT_WINDOW_BYTES),
  ]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
