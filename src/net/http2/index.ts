/**
 * net/http2: HTTP/2 by hand, for connections by the thousand: frames, header blocks, the server's half of a connection
 * over any {@link Wire}, and the client's over any {@link ClientOutput}. (RFC 9113, RFC 7541) Why not nghttp2, by
 * figures: docs/adr/0011.
 */

export { ClientConnection, type ClientConnectionOptions } from './client/client-connection.js';
export { type ClientOpening, clientOpening } from './client/client-options.js';
export { type ClientOutput, type ClientWire, Slab, SlabOutput } from './client/client-output.js';
export type { ClientRequest, ClientStream, ClientStreamEvents } from './client/client-stream.js';
export { Http2ErrorCode, StreamError } from './framing/errors.js';
export {
  encodeFrame,
  encodeHeaders,
  encodeSettings,
  encodeWindowUpdate,
  errorName,
  Flag,
  Frame,
  MAX_WINDOW_BYTES,
  PREFACE,
  Setting,
  uint31,
  uint32,
} from './framing/frames.js';
export type { HeaderBlock } from './framing/header-blocks.js';
export { HeaderDecoder } from './framing/header-decoder.js';
export type { HeaderField } from './framing/header-table.js';
export { encodeHeaderBlock, fieldValue } from './framing/hpack.js';
export type { RequestHead } from './framing/request-head.js';
export {
  type NetworkPeer,
  Outbox,
  type OutboxOwner,
  type Wire,
  type WireEvents,
  type WirePeer,
} from './framing/wire.js';
export { type QueuedReader, ReadQueue } from './server/read-queue.js';
export { type ConnectionEnd, ServerConnection, type ServerConnectionOptions } from './server/server-connection.js';
export { serverOpening } from './server/server-settings.js';
export type { ServerStream, StreamEvents } from './server/server-stream.js';
