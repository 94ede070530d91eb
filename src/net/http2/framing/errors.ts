/** RFC 9113 §7. */
export const Http2ErrorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
} as const;

/** The peer broke the protocol in a way that ends the whole connection. (RFC 9113 §5.4.1) */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  constructor(
    /** Of {@link Http2ErrorCode}. */
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** The peer broke it within one stream, and only that ends. (RFC 9113 §5.4.2) */
export class StreamError extends Error {
  override readonly name = 'StreamError';
  constructor(
    readonly streamId: number,
    /** Of {@link Http2ErrorCode}. */
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}
