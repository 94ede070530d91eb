import { constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import { CallFailure } from './call-failure.js';
import { FRAME_PREFIX_BYTES } from './framed-call.js';
import { status } from './status-code.js';

/** As grpc-js and grpc-go have it. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/**
 * What has come of one unary call, until its stream ends; then it tells the message or why there is none. Knows nothing of
 * streams. (gRPC over HTTP/2, "Responses")
 */
export class UnaryAnswer {
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #httpStatus: number | undefined;
  #grpcStatus: string | undefined;
  #grpcMessage = '';

  /** The peer has said how the call ended. */
  get hasStatus(): boolean {
    return this.#grpcStatus !== undefined;
  }

  /** Headers and trailers alike: an answer without a message has its status in the first. */
  takeHeaders(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    this.#httpStatus ??= headers[':status'];
    if (headers['grpc-status'] === undefined) return;
    this.#grpcStatus = String(headers['grpc-status']);
    this.#grpcMessage = String(headers['grpc-message'] ?? '');
  }

  /** @throws CallFailure RESOURCE_EXHAUSTED: more than any answer may have. */
  takeBytes(bytes: Buffer): void {
    this.#bytes += bytes.length;
    if (this.#bytes > MAX_ANSWER_BYTES + FRAME_PREFIX_BYTES) {
      throw new CallFailure(status.RESOURCE_EXHAUSTED, `answer: got more than ${MAX_ANSWER_BYTES} bytes`);
    }
    this.#parts.push(bytes);
  }

  /**
   * The message, when the stream has ended with `resetCode`.
   * @throws CallFailure the status of the peer, or what stands for an end without one.
   */
  message(resetCode: number): Buffer {
    if (this.#grpcStatus === undefined) throw this.#endWithoutStatus(resetCode);
    const code = Number(this.#grpcStatus);
    if (code === status.OK) return messageOf(Buffer.concat(this.#parts));
    throw new CallFailure(code in status ? code : status.UNKNOWN, unescaped(this.#grpcMessage));
  }

  #endWithoutStatus(resetCode: number): CallFailure {
    const http = this.#httpStatus;
    if (http !== undefined && http !== constants.HTTP_STATUS_OK) {
      return new CallFailure(STATUS_OF_HTTP[http] ?? status.UNKNOWN, `got HTTP status ${http}, expected gRPC`);
    }
    return new CallFailure(
      STATUS_OF_RESET[resetCode] ?? status.INTERNAL,
      `the stream ended without a status, with HTTP/2 error ${resetCode}`,
    );
  }
}

/** @throws CallFailure INTERNAL: not exactly one message, or a compressed one, which was not offered. */
function messageOf(framed: Buffer): Buffer {
  const length = framed.length < FRAME_PREFIX_BYTES ? undefined : framed.readUInt32BE(1);
  if (framed[0] === 0 && length === framed.length - FRAME_PREFIX_BYTES) return framed.subarray(FRAME_PREFIX_BYTES);
  throw new CallFailure(status.INTERNAL, `answer: got ${framed.length} bytes, expected one uncompressed message`);
}

/** (gRPC, "HTTP to gRPC Status Code Mapping") */
const STATUS_OF_HTTP: Readonly<Record<number, status>> = {
  400: status.INTERNAL,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.UNIMPLEMENTED,
  429: status.UNAVAILABLE,
  502: status.UNAVAILABLE,
  503: status.UNAVAILABLE,
  504: status.UNAVAILABLE,
};

/** All others are INTERNAL. (gRPC over HTTP/2, "Errors") */
const STATUS_OF_RESET: Readonly<Record<number, status>> = {
  [constants.NGHTTP2_REFUSED_STREAM]: status.UNAVAILABLE,
  [constants.NGHTTP2_CANCEL]: status.CANCELLED,
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: status.RESOURCE_EXHAUSTED,
  [constants.NGHTTP2_INADEQUATE_SECURITY]: status.PERMISSION_DENIED,
};

/** A text that is not escaped as it should be is shown as it came. (gRPC over HTTP/2, "Status-Message") */
function unescaped(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}
