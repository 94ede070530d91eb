import {
  DEFAULT_WINDOW_BYTES,
  encodeSettings,
  encodeWindowUpdate,
  MAX_WINDOW_BYTES,
  PREFACE,
  Setting,
} from '../../net/http2/index.js';

/**
 * What a client says first: no dynamic table (so that header blocks can be read without state), no push, and windows
 * that never make the server wait.
 */
export function encodeOpening(initialWindowBytes: number): Buffer {
  return Buffer.concat([
    PREFACE,
    encodeSettings([
      [Setting.headerTableSize, 0],
      [Setting.enablePush, 0],
      [Setting.initialWindowSize, initialWindowBytes],
    ]),
    encodeWindowUpdate(0, MAX_WINDOW_BYTES - DEFAULT_WINDOW_BYTES),
  ]);
}
