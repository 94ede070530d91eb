import { clipped } from '../../../text/index.js';
import { fieldValue, type HeaderField, Http2ErrorCode, uint32 } from '../../http2/index.js';
import { FRAME_PREFIX_BYTES } from '../server/grpc-call.js';
import { status } from '../status-code.js';
import { CallFailure } from './call-failure.js';
import { retryAfterMs } from './retry-after.js';

/** As grpc-js and grpc-go have it. */
const DEFAULT_MAX_BYTES = 4 * 1024 * 1024;

/**
 * What is taken at first for an answer whose size is not known. One of a CA is 2 to 10 kB, and as a rule comes at once.
 */
const FIRST_BYTES = 4096;

const NOTHING = Buffer.alloc(0);

const HTTP_OK = 200;

/**
 * What has come of one unary call, until its stream ends; then it tells the message or why there is none. Knows nothing
 * of streams. (gRPC over HTTP/2, "Responses")
 */
export class UnaryAnswer {
  /**
   * What has come is its first `#bytes`: in one piece, so that the smallest of frames cost no more than what they
   * bring.
   */
  private content: Buffer = NOTHING;
  private bytes = 0;
  private httpStatus: number | undefined;
  private contentType: string | undefined;
  private grpcStatus: string | undefined;
  private grpcMessage = '';
  private retryAfterMs: number | undefined;

  /** `maxBytes`: of the message. */
  constructor(private readonly maxBytes = DEFAULT_MAX_BYTES) {}

  /** An answer without a message has its status here. */
  takeHead(httpStatus: number, fields: readonly HeaderField[]): void {
    this.httpStatus = httpStatus;
    this.contentType = fieldValue(fields, 'content-type');
    this.takeTrailers(fields);
  }

  takeTrailers(fields: readonly HeaderField[]): void {
    this.grpcStatus = fieldValue(fields, 'grpc-status') ?? this.grpcStatus;
    this.grpcMessage = fieldValue(fields, 'grpc-message') ?? this.grpcMessage;
    if (this.grpcStatus !== '0') this.retryAfterMs = retryAfterMs(fields) ?? this.retryAfterMs;
  }

  /**
   * The memory of `bytes` may be used again afterwards. @throws CallFailure RESOURCE_EXHAUSTED: more than any answer
   * may have.
   */
  takeBytes(bytes: Buffer, start: number, end: number): void {
    const neededBytes = this.bytes + end - start;
    if (neededBytes > this.maxBytes + FRAME_PREFIX_BYTES) throw this.tooLarge();
    if (neededBytes > this.content.length) this.grow(neededBytes);
    bytes.copy(this.content, this.bytes, start, end);
    const hadPrefix = this.bytes >= FRAME_PREFIX_BYTES;
    this.bytes = neededBytes;
    if (!hadPrefix && this.isAnnouncedTooLarge()) throw this.tooLarge();
  }

  /** Such a message is not waited for; what is no message, or stands behind a status, announces nothing. */
  private isAnnouncedTooLarge(): boolean {
    if (!this.isGrpc() || this.grpcStatus !== undefined || this.bytes < FRAME_PREFIX_BYTES) return false;
    return uint32(this.content, 1) > this.maxBytes;
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
    const { retryAfterMs } = this;
    throw new CallFailure(code in status ? code : status.UNKNOWN, unescaped(this.grpcMessage), { retryAfterMs });
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
    return this.httpFailure(
      `got HTTP status ${this.httpStatus}, of type ${shown(this.contentType ?? '')}, expected gRPC`,
    );
  }

  private endWithoutStatus(resetCode: number): CallFailure {
    const http = this.httpStatus ?? HTTP_OK;
    if (http !== HTTP_OK) return this.httpFailure(`got HTTP status ${http}, expected gRPC`);
    const details = `the stream ended without a status, with HTTP/2 error ${resetCode}`;
    const fault = resetCode === Http2ErrorCode.noError ? 'answer-unusable' : undefined;
    return new CallFailure(STATUS_OF_RESET[resetCode] ?? status.INTERNAL, details, { fault });
  }

  /** Of a proxy on the way that says what is wrong by HTTP; else of something that is no gRPC server at all. */
  private httpFailure(details: string): CallFailure {
    const code = STATUS_OF_HTTP[this.httpStatus ?? HTTP_OK];
    const { retryAfterMs } = this;
    if (code !== undefined && SPEAKING_HTTP.has(code)) return new CallFailure(code, details, { retryAfterMs });
    return unusable(code ?? status.UNKNOWN, details);
  }

  private tooLarge(): CallFailure {
    return unusable(status.RESOURCE_EXHAUSTED, `answer: got more than ${this.maxBytes} bytes`);
  }
}

function unusable(code: status, details: string): CallFailure {
  return new CallFailure(code, details, { fault: 'answer-unusable' });
}

/** @throws CallFailure INTERNAL: not exactly one message, or a compressed one, which was not offered. */
function messageOf(framed: Buffer): Buffer {
  const length = framed.length < FRAME_PREFIX_BYTES ? undefined : uint32(framed, 1);
  if (framed[0] === 0 && length === framed.length - FRAME_PREFIX_BYTES) return framed.subarray(FRAME_PREFIX_BYTES);
  throw unusable(status.INTERNAL, `answer: got ${framed.length} bytes, expected one uncompressed message`);
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

/** What a proxy says for its peer: that it is away, or that the caller may not reach it. */
const SPEAKING_HTTP: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
]);

/** All others are INTERNAL. (gRPC over HTTP/2, "Errors") */
const STATUS_OF_RESET: Readonly<Record<number, status>> = {
  [Http2ErrorCode.refusedStream]: status.UNAVAILABLE,
  [Http2ErrorCode.cancel]: status.CANCELLED,
  [Http2ErrorCode.enhanceYourCalm]: status.RESOURCE_EXHAUSTED,
  [Http2ErrorCode.inadequateSecurity]: status.PERMISSION_DENIED,
};

/** As much of a text from the network explains any failure; it may be 64 kB. */
const MAX_TEXT_CHARS = 1024;

/** A text that is not escaped as it should be is shown as it came. (gRPC over HTTP/2, "Status-Message") */
function unescaped(message: string): string {
  const escaped = message.slice(0, 3 * MAX_TEXT_CHARS);
  try {
    return shown(decodeURIComponent(escaped));
  } catch {
    return shown(escaped);
  }
}

/** Without what a terminal would obey. */
function shown(text: string): string {
  return clipped(text, MAX_TEXT_CHARS);
}
