import type { StreamError } from './errors.js';
import type { HeaderBlock } from './header-blocks.js';
import type { HeaderField } from './header-table.js';
import type { PeerSettings } from './peer-settings.js';

/** What one half of a connection has announced in its SETTINGS, and by WINDOW_UPDATE: its peer is held to it. */
export interface AnnouncedLimits {
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  /** SETTINGS_MAX_HEADER_LIST_SIZE. */
  readonly maxHeaderListBytes: number;
  /** SETTINGS_HEADER_TABLE_SIZE. */
  readonly headerTableBytes: number;
}

/** A stream, as far as what comes for it is concerned. */
export interface InboundStream {
  readonly id: number;
  /** What the peer has sent and was not given back yet. */
  receivedBytes: number;
  /** Of the `content-length` that was announced; below 0 when none was. */
  contentLeft: number;
  /** Content, valid during the call alone. Nothing happens when the stream is no more. */
  receive(bytes: Buffer, start: number, end: number): void;
}

/** The streams of one half. */
export interface InboundStreams<Stream> {
  /** No stream is served any more: frames that are still read mean nothing. */
  readonly isOver: boolean;
  /** Whether it is no idle one. (RFC 9113 §5.1) */
  hasBegun(streamId: number): boolean;
  /** `undefined` when it is not open. */
  get(streamId: number): Stream | undefined;
  isOpen(stream: Stream): boolean;
  /** The peer has sent all that it will. @throws StreamError. */
  remoteEnded(stream: Stream): void;
  /** The peer gives a stream up, with a code of `Http2ErrorCode`. */
  takeReset(streamId: number, code: number): void;
  /** Ends a stream for the peer's fault. @throws ConnectionError where that cannot be. */
  reset(error: StreamError): void;
}

/** Where a half sends what comes by itself. */
export interface InboundAnswers<Stream> {
  /** Bytes that are a frame, or several, already. */
  frames(bytes: Buffer): void;
  /** A frame with one number in it: RST_STREAM and WINDOW_UPDATE. */
  numberFrame(type: number, streamId: number, value: number): void;
  /**
   * A WINDOW_UPDATE; of the connection without a stream. @throws ConnectionError, StreamError: a window above 2^31-1.
   */
  grow(stream: Stream | undefined, bytes: number): void;
}

/** What a server and a client do each in its own way with what comes. All may throw ConnectionError and StreamError. */
export interface InboundHalf<Stream> {
  /** A server may not enable push. (RFC 9113 §6.5.2) */
  readonly isPeerServer: boolean;
  /** No further frame is to be read now. */
  readonly isTurnOver: boolean;
  /** Whether a header block of so many octets that has come whole is more work than there is time for in this turn. */
  isForNextTurn(blockBytes: number): boolean;
  /** Checks that a header block may come for it. */
  expectHeaders(streamId: number): void;
  /** `fields` is `undefined` when there were too many of them. */
  takeHeaders(block: HeaderBlock, fields: readonly HeaderField[] | undefined): void;
  /** Checks that content may come for an open stream. */
  expectContent(stream: Stream): void;
  /** Content for a stream that is no more. */
  takeLateContent(streamId: number): void;
  /** PRIORITY, or its like in HEADERS, of the right form. (RFC 9113 §5.3) */
  takePriority(streamId: number, dependsOn: number): void;
  /** Gives how many streams had to be looked at for it. */
  takeSettings(settings: PeerSettings): number;
  /** The answer to a PING of ours. */
  takePong(): void;
  /** The peer has not looked at streams above `lastId`. `text` is for people. (RFC 9113 §6.8) */
  takeGoAway(lastId: number, code: number, text: Buffer): void;
}
