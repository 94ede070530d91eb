import { ConnectionError, Http2ErrorCode } from './errors.js';
import { DEFAULT_MAX_FRAME_BYTES, LARGEST_MAX_FRAME_BYTES, MAX_WINDOW_BYTES, Setting, uint32 } from './frames.js';

/** Those of a peer's settings that matter to who sends to it; what it did not name is `undefined`. */
export interface PeerSettings {
  /** How many there were, unknown ones too. */
  readonly entries: number;
  readonly initialWindowBytes: number | undefined;
  readonly maxFrameBytes: number | undefined;
  readonly maxConcurrentStreams: number | undefined;
  readonly enablesPush: boolean;
}

const ENTRY_BYTES = 6;

/**
 * Reads the payload of a SETTINGS frame.
 * @throws ConnectionError for a value that may not be. (RFC 9113 §6.5.2)
 */
export function readPeerSettings(bytes: Buffer, start: number, end: number): PeerSettings {
  if ((end - start) % ENTRY_BYTES !== 0)
    throw new ConnectionError(Http2ErrorCode.frameSizeError, 'got a part of a setting');
  let initialWindowBytes: number | undefined;
  let maxFrameBytes: number | undefined;
  let maxConcurrentStreams: number | undefined;
  let enablesPush = false;
  for (let at = start; at < end; at += ENTRY_BYTES) {
    const value = uint32(bytes, at + 2);
    switch (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)) {
      case Setting.enablePush:
        if (value > 1) throw new ConnectionError(Http2ErrorCode.protocolError, `got ENABLE_PUSH ${value}`);
        enablesPush = value === 1;
        break;
      case Setting.maxConcurrentStreams:
        maxConcurrentStreams = value;
        break;
      case Setting.initialWindowSize:
        if (value > MAX_WINDOW_BYTES) {
          throw new ConnectionError(Http2ErrorCode.flowControlError, `got INITIAL_WINDOW_SIZE ${value}`);
        }
        initialWindowBytes = value;
        break;
      case Setting.maxFrameSize:
        if (value < DEFAULT_MAX_FRAME_BYTES || value > LARGEST_MAX_FRAME_BYTES) {
          throw new ConnectionError(Http2ErrorCode.protocolError, `got MAX_FRAME_SIZE ${value}`);
        }
        maxFrameBytes = value;
        break;
      default:
        // Of no use to us, or unknown, which is to be ignored. (RFC 9113 §6.5.2)
        break;
    }
  }
  const entries = (end - start) / ENTRY_BYTES;
  return { entries, initialWindowBytes, maxFrameBytes, maxConcurrentStreams, enablesPush };
}
