import type { Socket } from 'node:net';
import * as frames from '../framing/frames.js';
import { Setting } from '../framing/frames.js';
import type { RequestHead } from '../framing/request-head.js';
import type { ReadQueue } from './read-queue.js';
import type { ServerConnection } from './server-connection.js';
import type { ServerStream } from './server-stream.js';

/** Why a connection has ended. */
export interface ConnectionEnd {
  /** Of `Http2ErrorCode`: `noError` when nobody has done wrong. */
  readonly code: number;
  /** What the peer did wrong; empty when nothing. */
  readonly reason: string;
}

/** What all connections of a server share. */
export interface ServerConnectionOptions {
  /** Of {@link serverOpening}. */
  readonly opening: Buffer;
  readonly maxConcurrentStreams: number;
  /** Where connections wait that have more to read than a turn has room for. */
  readonly readQueue: ReadQueue;
  /** Begins to serve a request: sets `stream.events`. */
  readonly onRequest: (stream: ServerStream, head: RequestHead) => void;
  /**
   * So many octets more are kept of frames and header blocks that have not come whole, or fewer. When it gives false the
   * connection is ended.
   */
  readonly onKept?: (connection: ServerConnection, bytes: number) => boolean;
  /** Takes a connection that speaks HTTP/1, with nothing read of it; without it such a one is closed. */
  readonly onHttp1?: ((socket: Socket, connection: ServerConnection) => void) | undefined;
  /** Called once and last. */
  readonly onClosed: (connection: ServerConnection, end: ConnectionEnd) => void;
  /** Something of ours threw what it must not. */
  readonly onBug: (error: unknown) => void;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

/**
 * What a peer may send before it hears of us, on one stream and on all of a connection. A real Envoy's first requests
 * are 50 to 60 kB each, one a stream: with the default of 65 535 the second waits for a round trip. (reference: Envoy 1)
 */
export const WINDOW_BYTES = 256 * 1024;

/** A token of 20 kB, twice, and all else that proxies add. Counted as SETTINGS_MAX_HEADER_LIST_SIZE is. */
export const MAX_HEADER_LIST_BYTES = 64 * 1024;

/**
 * Of what a peer may refer to in later requests, we keep this much: room for the fields that are the same in all of them, and none
 * for a token, which is longer. With the default of 4096 three or four bearer tokens stay in memory for as long as the connection
 * of a peer that indexes them. (RFC 7541 §7.1.3)
 */
export const HEADER_TABLE_BYTES = 512;

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
