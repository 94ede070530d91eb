import * as frames from '../framing/frames.js';
import { Setting } from '../framing/frames.js';
import type { AnnouncedLimits } from '../framing/inbound-half.js';

/**
 * What a peer may send before it hears of us, on one stream and on all of a connection. A real Envoy's first requests
 * are 50 to 60 kB each, one a stream: with the default of 65 535 the second waits for a round trip. (reference: Envoy
 * 1)
 */
const WINDOW_BYTES = 256 * 1024;

/** A token of 20 kB, twice, and all else that proxies add. Counted as SETTINGS_MAX_HEADER_LIST_SIZE is. */
const MAX_HEADER_LIST_BYTES = 64 * 1024;

/**
 * Of what a peer may refer to in later requests, we keep this much: room for the fields that are the same in all of
 * them, and none for a token, which is longer. With the default of 4096 three or four bearer tokens stay in memory for
 * as long as the connection of a peer that indexes them. (RFC 7541 §7.1.3)
 */
const HEADER_TABLE_BYTES = 512;

/** What a peer is held to. */
export const SERVER_LIMITS: AnnouncedLimits = {
  streamWindowBytes: WINDOW_BYTES,
  connectionWindowBytes: WINDOW_BYTES,
  maxHeaderListBytes: MAX_HEADER_LIST_BYTES,
  headerTableBytes: HEADER_TABLE_BYTES,
};

/** What we say first, on every connection of a server. */
export function serverOpening(maxConcurrentStreams: number): Buffer {
  return Buffer.concat([
    frames.encodeSettings([
      [Setting.headerTableSize, HEADER_TABLE_BYTES],
      [Setting.maxConcurrentStreams, maxConcurrentStreams],
      [Setting.initialWindowSize, WINDOW_BYTES],
      [Setting.maxHeaderListSize, MAX_HEADER_LIST_BYTES],
    ]),
    frames.encodeWindowUpdate(0, WINDOW_BYTES - frames.DEFAULT_WINDOW_BYTES),
  ]);
}
