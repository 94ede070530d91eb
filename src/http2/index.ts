/**
 * http2: HTTP/2 by hand, for connections by the thousand: frames, header blocks, the server's half of a connection over
 * any {@link Wire}, and the client's for requests and answers that are whole. (RFC 9113, RFC 7541) Why not nghttp2, by figures: docs/adr/0011.
 */
export { ClientConnection, type ClientConnectionOptions } from './client-connection.js';
export type { ClientWire } from './client-options.js';
export type { ClientRequest, ClientStream } from './client-stream.js';
export { ConnectionError, ErrorCode, StreamError } from './errors.js';
export { Cost } from './flood-guard.js';
export {
  DEFAULT_MAX_FRAME_BYTES,
  DEFAULT_WINDOW_BYTES,
  encodeFrame,
  encodeHeaders,
  encodeSettings,
  encodeWindowUpdate,
  errorName,
  Flag,
  FRAME_HEADER_BYTES,
  Frame,
  MAX_WINDOW_BYTES,
  PREFACE,
  Setting,
  uint24,
  uint31,
  uint32,
  writeAscii,
  writeFrameHeader,
} from './frames.js';
export { type HeaderBlock, HeaderBlocks } from './header-blocks.js';
export { HeaderDecoder } from './header-decoder.js';
export type { HeaderField } from './header-table.js';
export { encodeHeaderBlock, fieldValue } from './hpack.js';
export { type QueuedReader, ReadQueue } from './read-queue.js';
export type { RequestHead } from './request-head.js';
export { ServerConnection } from './server-connection.js';
export { type ConnectionEnd, type ServerConnectionOptions, serverOpening } from './server-options.js';
export type { ServerStream, StreamEvents } from './server-stream.js';
export { Outbox, type OutboxOwner, type Wire, type WireEvents, type WirePeer } from './wire.js';
