import { ConnectionError, Http2ErrorCode, StreamError } from './errors.js';
import { MAX_WINDOW_BYTES, uint31 } from './frames.js';

/** @throws ConnectionError: it stands on a stream. */
export function expectConnection(streamId: number): void {
  if (streamId !== 0)
    throw new ConnectionError(Http2ErrorCode.protocolError, 'got a frame of the connection on a stream');
}

/** @throws ConnectionError: the frame called `name` is of another size. */
export function expectBytes(bytes: number, expected: number, name: string): void {
  if (bytes !== expected) throw new ConnectionError(Http2ErrorCode.frameSizeError, `got ${name} of another size`);
}

/** What a WINDOW_UPDATE adds. @throws ConnectionError, StreamError. (RFC 9113 §6.9) */
export function readIncrement(streamId: number, bytes: Buffer, start: number, length: number): number {
  expectBytes(length, 4, 'WINDOW_UPDATE');
  const increment = uint31(bytes, start);
  if (increment > 0) return increment;
  if (streamId === 0) throw new ConnectionError(Http2ErrorCode.protocolError, 'got WINDOW_UPDATE of 0');
  throw new StreamError(streamId, Http2ErrorCode.protocolError, 'got WINDOW_UPDATE of 0');
}

/**
 * A window with `bytes` more, or fewer; of the connection for stream 0. @throws ConnectionError, StreamError. (RFC 9113
 * §6.9.1)
 */
export function grownWindow(streamId: number, window: number, bytes: number): number {
  const grown = window + bytes;
  if (grown <= MAX_WINDOW_BYTES) return grown;
  if (streamId === 0) throw new ConnectionError(Http2ErrorCode.flowControlError, 'got a window above 2^31-1');
  throw new StreamError(streamId, Http2ErrorCode.flowControlError, 'got a window above 2^31-1');
}

/**
 * How much of the payload of a padded DATA frame is content; the first octet, which comes before it, says how much is
 * not.
 * @throws ConnectionError. (RFC 9113 §6.1)
 */
export function contentBytesOf(payload: Buffer): number {
  const bytes = payload.length - 1 - (payload[0] ?? 0);
  if (bytes < 0) throw new ConnectionError(Http2ErrorCode.protocolError, 'got more padding than frame');
  return bytes;
}
