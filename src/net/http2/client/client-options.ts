import { DEFAULT_WINDOW_BYTES, encodeSettings, encodeWindowUpdate, PREFACE, Setting } from '../framing/frames.js';
import { DEFAULT_TABLE_BYTES } from '../framing/header-table.js';
import type { AnnouncedLimits } from '../framing/inbound-half.js';

/** Until the peer says how many streams it takes: what it is asked to take at least. (RFC 9113 §6.5.2) */
export const STREAMS_BEFORE_SETTINGS = 100;

/** What a client says first, and so holds its peer to. Connections share one. */
export interface ClientOpening {
  readonly limits: AnnouncedLimits;
  readonly bytes: Buffer;
}

/** Requests may follow at once behind it. (RFC 9113 §3.4) */
export function clientOpening(limits: AnnouncedLimits): ClientOpening {
  const bytes = Buffer.concat([
    PREFACE,
    encodeSettings([
      [Setting.enablePush, 0],
      [Setting.headerTableSize, limits.headerTableBytes],
      [Setting.initialWindowSize, limits.streamWindowBytes],
      [Setting.maxHeaderListSize, limits.maxHeaderListBytes],
    ]),
    encodeWindowUpdate(0, limits.connectionWindowBytes - DEFAULT_WINDOW_BYTES),
  ]);
  return { limits, bytes };
}

/** That of a client of a CA. */
export const CALLS_OPENING: ClientOpening = clientOpening({
  // An answer of a CA is 2 to 10 kB; with it goes what a bundle of a hundred roots takes, without waiting for room.
  streamWindowBytes: 1024 * 1024,
  // With the default of HTTP/2 the 64 calls of a node's agent would wait for room for their answers.
  connectionWindowBytes: 4 * 1024 * 1024,
  // The text of a status, and all that proxies add.
  maxHeaderListBytes: 64 * 1024,
  headerTableBytes: DEFAULT_TABLE_BYTES,
});
