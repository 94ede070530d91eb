import { ErrorCode, fieldValue, type HeaderField, uint32 } from '../http2/index.js';
import { CallFailure } from './call-failure.js';
import { FRAME_PREFIX_BYTES } from './framed-call.js';
import { status } from './status-code.js';

/** As grpc-js and grpc-go have it. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** What is taken at first for an answer whose size is not known. One of a CA is 2 to 10 kB, and as a rule comes at once. */
const FIRST_BYTES = 4096;

const NOTHING = Buffer.alloc(0);

const HTTP_OK = 200;

/**
 * What has come of one unary call, until its stream ends; then it tells the message or why there is none. Knows nothing of
 * streams. (gRPC over HTTP/2, "Responses")
 */
export class UnaryAnswer {
  /** What has come is its first `#bytes`: in one piece, so that the smallest of frames cost no more than what they bring. */
  private content: Buffer = NOTHING;
  private bytes = 0;
  private httpStatus: number | undefined;
  private contentType: string | undefined;
  private grpcStatus: string | undefined;
  private grpcMessage = '';

  /** An answer without a message has its status here. */
  takeHead(httpStatus: number, fields: readonly HeaderField[]): void {
    this.httpStatus = httpStatus;
    this.contentType = fieldValue(fields, 'content-type');
    this.takeTrailers(fields);
  }

  takeTrailers(fields: readonly HeaderField[]): void {
    this.grpcStatus = fieldValue(fields, 'grpc-status') ?? this.grpcStatus;
    this.grpcMessage = fieldValue(fields, 'grpc-message') ?? this.grpcMessage;
  }

  /** The memory of `bytes` may be used anew afterwards. @throws CallFailure RESOURCE_EXHAUSTED: more than any answer may have. */
  takeBytes(bytes: Buffer, start: number, end: number): void {
    const neededBytes = this.bytes + end - start;
    if (neededBytes > MAX_ANSWER_BYTES + FRAME_PREFIX_BYTES) {
      throw new CallFailure(status.RESOURCE_EXHAUSTED, `answer: got more than ${MAX_ANSWER_BYTES} bytes`);
    }
    if (neededBytes > this.content.length) this.grow(neededBytes);
    bytes.copy(this.content, this.bytes, start, end);
    this.bytes = neededBytes;
  }

  /**
   * The message, when the stream has ended with `resetCode`.
   * @throws CallFailure the status of the peer, or what stands for an end without one.
   */
  message(resetCode: number): Buffer {
    if (!this.isGrpc()) throw this.notGrpc();
    if (this.grpcStatus === undefined) throw this.endWithoutStatus(resetCode);
    const code = /^\d{1,2}$/.test(this.grpcStatus) ? Number(this.grpcStatus) : status.UNKNOWN;
    if (code === status.OK) return messageOf(this.content.subarray(0, this.bytes));
    throw new CallFailure(code in status ? code : status.UNKNOWN, unescaped(this.grpcMessage));
  }

  private grow(neededBytes: number): void {
    const content = Buffer.allocUnsafe(Math.max(FIRST_BYTES, neededBytes, 2 * this.content.length));
    this.content.copy(content, 0, 0, this.bytes);
    this.content = content;
  }

  /** A proxy's own answer names its own type; one that names none is believed. (gRPC over HTTP/2, "Content-Type") */
  private isGrpc(): boolean {
    return this.contentType === undefined || /^application\/grpc(?:$|[+;])/i.test(this.contentType);
  }

  private notGrpc(): CallFailure {
    const http = this.httpStatus ?? HTTP_OK;
    const code = STATUS_OF_HTTP[http] ?? status.UNKNOWN;
    return new CallFailure(code, `got HTTP status ${http}, of type ${this.contentType}, expected gRPC`);
  }

  private endWithoutStatus(resetCode: number): CallFailure {
    const http = this.httpStatus;
    if (http !== undefined && http !== HTTP_OK) {
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
  const length = framed.length < FRAME_PREFIX_BYTES ? undefined : uint32(framed, 1);
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
  [ErrorCode.refusedStream]: status.UNAVAILABLE,
  [ErrorCode.cancel]: status.CANCELLED,
  [ErrorCode.enhanceYourCalm]: status.RESOURCE_EXHAUSTED,
  [ErrorCode.inadequateSecurity]: status.PERMISSION_DENIED,
};

/** A text that is not escaped as it should be is shown as it came. (gRPC over HTTP/2, "Status-Message") */
function unescaped(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}
