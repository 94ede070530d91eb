import type { Cancellable, CancelSignal } from '../../../cancellation/index.js';
import { monotonicMs } from '../../../timers/index.js';
import {
  type ClientConnection,
  type ClientRequest,
  type ClientStream,
  encodeHeaderBlock,
  type HeaderField,
} from '../../http2/index.js';
import type { Expiring } from '../call-deadlines.js';
import { framed } from '../server/grpc-call.js';
import { status } from '../status-code.js';
import { CallFailure } from './call-failure.js';
import type { UnaryOptions } from './channel.js';
import { UnaryAnswer } from './unary-answer.js';

/** Where a call is made. */
export interface CallHost {
  readonly http2: ClientConnection;
  /** A call is over, however it ended. */
  ended(call: UnaryCall): void;
}

export interface UnaryRequest extends UnaryOptions {
  readonly maxAnswerBytes?: number;
  /** Of {@link requestHead}. */
  readonly head: Buffer;
  readonly message: Buffer;
}

/**
 * One call: it is sent, and is over by its answer, its deadline, its signal or the end of the connection. It is its own
 * listener of all of them: thousands are made in a second.
 */
export class UnaryCall implements ClientRequest, Expiring, Cancellable {
  /** Rejects with a {@link CallFailure}. */
  readonly answer: Promise<Buffer>;
  readonly content: Buffer;
  readonly endsAtMs: number;
  private resolve: (message: Buffer) => void = ignore;
  private reject: (failure: CallFailure) => void = ignore;
  private readonly host: CallHost;
  /** Ends it, too. */
  readonly signal: CancelSignal | undefined;
  private readonly requestHead: Buffer;
  /**
   * Until it is over: an error that went through here holds the call, and with it the bearer token that stands here.
   */
  private metadata: UnaryRequest['metadata'];
  private readonly received: UnaryAnswer;
  private stream: ClientStream | undefined;
  private isOver = false;

  constructor(host: CallHost, request: UnaryRequest) {
    this.host = host;
    this.signal = request.signal;
    this.requestHead = request.head;
    this.metadata = request.metadata;
    this.content = framed(request.message);
    this.received = new UnaryAnswer(request.maxAnswerBytes);
    this.endsAtMs = monotonicMs() + request.deadlineMs - Date.now();
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** Sends it, as soon as the peer lets it. */
  start(): void {
    this.stream = this.host.http2.request(this);
  }

  /** Ends it, if it is not over; the peer is told. */
  fail(failure: CallFailure): void {
    if (!this.finish()) return;
    this.reject(failure);
    if (this.stream !== undefined) this.host.http2.cancel(this.stream);
  }

  /** For the deadlines. */
  expire(): void {
    this.fail(new CallFailure(status.DEADLINE_EXCEEDED, 'deadline exceeded'));
  }

  /** For the signal. */
  cancel(): void {
    this.fail(new CallFailure(status.CANCELLED, 'cancelled by the caller'));
  }

  block(): Buffer {
    const { metadata = {} } = this;
    const fields: HeaderField[] = [['grpc-timeout', timeoutText(this.endsAtMs - monotonicMs())]];
    for (const name in metadata) fields.push([name, metadata[name] ?? '']);
    return encodeHeaderBlock(fields, this.requestHead);
  }

  head(httpStatus: number, fields: readonly HeaderField[]): void {
    this.received.takeHead(httpStatus, fields);
  }

  data(bytes: Buffer, start: number, end: number): void {
    try {
      this.received.takeBytes(bytes, start, end);
    } catch (failure) {
      this.fail(asFailure(failure));
    }
  }

  trailers(fields: readonly HeaderField[]): void {
    this.received.takeTrailers(fields);
  }

  closed(code: number): void {
    if (!this.finish()) return;
    try {
      this.resolve(this.received.message(code));
    } catch (failure) {
      this.reject(asFailure(failure));
    }
  }

  /** False when it was over before. */
  private finish(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.metadata = undefined;
    this.host.ended(this);
    return true;
  }
}

/** What all calls of a method to one peer say first. */
export function requestHead(path: string, authority: string): Buffer {
  return encodeHeaderBlock([
    [':method', 'POST'],
    [':scheme', 'https'],
    [':authority', authority],
    [':path', path],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
    ['user-agent', 'grpc-sidecert'],
    ['grpc-accept-encoding', 'identity'],
  ]);
}

/** At most eight digits are allowed: above a day in milliseconds, seconds do. (gRPC over HTTP/2, "Timeout") */
function timeoutText(timeoutMs: number): string {
  const milliseconds = Math.max(1, Math.ceil(timeoutMs));
  return milliseconds < 1e8 ? `${milliseconds}m` : `${Math.min(99_999_999, Math.ceil(milliseconds / 1000))}S`;
}

function asFailure(failure: unknown): CallFailure {
  return failure instanceof CallFailure ? failure : new CallFailure(status.INTERNAL, String(failure));
}

function ignore(): void {}
