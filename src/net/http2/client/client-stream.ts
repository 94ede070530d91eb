import type { HeaderField } from '../framing/header-table.js';
import type { InboundStream } from '../framing/inbound-half.js';

/** A request, and who waits for the response to it. All are called from the event loop, none after `closed`. */
export interface ClientRequest {
  readonly content: Buffer;
  /** Its header block: asked for when it is sent, and once more when the peer has refused it without a look. */
  block(): Buffer;
  /** The final head of the response. */
  head(status: number, fields: readonly HeaderField[]): void;
  /** Content: `bytes` from `start` to `end`, valid during the call alone. */
  data(bytes: Buffer, start: number, end: number): void;
  /** What stands behind the content. */
  trailers(fields: readonly HeaderField[]): void;
  /**
   * The stream is no more. Called once, and not when the connection has ended, or the request was cancelled. `code` is of
   * `Http2ErrorCode`: `noError` when the response has ended, `refusedStream` when the peer has not looked at the request.
   */
  closed(code: number): void;
}

/** One request and its response, the client's half: a record for the classes beside it, who alone change it. */
export class ClientStream implements InboundStream {
  /** 0 until it is sent. */
  id = 0;
  /** Of what we may send, as {@link StreamWindows} keeps it. */
  windowChange = 0;
  /** How much of the content has been sent. */
  sentBytes = 0;
  /** All of it has, and that it was all. */
  isSent = false;
  /** The final head of the response has come. */
  hasHead = false;
  receivedBytes = 0;
  contentLeft = -1;
  /** It is no more: nothing further is told to its request. */
  isOver = false;
  /** It is sent for the second time. */
  wasRefused = false;

  constructor(readonly request: ClientRequest) {}

  receive(bytes: Buffer, start: number, end: number): void {
    if (!this.isOver) this.request.data(bytes, start, end);
  }

  /** Makes it one that was not sent. */
  rewind(): void {
    this.id = 0;
    this.sentBytes = 0;
    this.windowChange = 0;
    this.isSent = false;
    this.wasRefused = true;
  }
}
