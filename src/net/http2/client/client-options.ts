import { DEFAULT_WINDOW_BYTES, encodeSettings, encodeWindowUpdate, PREFACE, Setting } from '../framing/frames.js';
import { DEFAULT_TABLE_BYTES } from '../framing/header-table.js';
import type { AnnouncedLimits } from '../framing/inbound-half.js';

/** An answer of a CA is 2 to 10 kB; with it goes what a bundle of a hundred roots takes, without waiting for room. */
const STREAM_WINDOW_BYTES = 1024 * 1024;

/** With the default of HTTP/2 the 64 calls of a node's agent would wait for room for their answers. */
const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;

/** The text of a status, and all that proxies add. Counted as SETTINGS_MAX_HEADER_LIST_SIZE is. */
const MAX_RESPONSE_LIST_BYTES = 64 * 1024;

/** Until the peer says how many streams it takes: what it is asked to take at least. (RFC 9113 §6.5.2) */
export const STREAMS_BEFORE_SETTINGS = 100;

/** What a peer is held to. */
export const CLIENT_LIMITS: AnnouncedLimits = {
  streamWindowBytes: STREAM_WINDOW_BYTES,
  connectionWindowBytes: CONNECTION_WINDOW_BYTES,
  maxHeaderListBytes: MAX_RESPONSE_LIST_BYTES,
  headerTableBytes: DEFAULT_TABLE_BYTES,
};

/** What a client says first. It may send requests at once behind it. (RFC 9113 §3.4) */
export const CLIENT_OPENING: Buffer = Buffer.concat([
  PREFACE,
  encodeSettings([
    [Setting.enablePush, 0],
    [Setting.initialWindowSize, STREAM_WINDOW_BYTES],
    [Setting.maxHeaderListSize, MAX_RESPONSE_LIST_BYTES],
  ]),
  encodeWindowUpdate(0, CONNECTION_WINDOW_BYTES - DEFAULT_WINDOW_BYTES),
]);

/** What a client's connection writes to. */
export interface ClientWire {
  /** Bytes that were written and have not left the process: the peer does not read. */
  readonly backlogBytes: number;
  /** Takes over the memory of `bytes`. */
  write(bytes: Buffer): void;
}
