import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  sensitiveHeaders,
} from 'node:http2';
import { CallFailure } from './call-failure.js';
import type { UnaryOptions } from './channel.js';
import { FRAME_PREFIX_BYTES, writeFramePrefix } from './framed-call.js';
import { status } from './status-code.js';
import { UnaryAnswer } from './unary-answer.js';

export interface UnaryCallOptions extends UnaryOptions {
  /** Such as `/package.Service/Method`. */
  readonly path: string;
  readonly authority: string;
  readonly request: Buffer;
  /** Called once, when the call is over, however it ended. */
  readonly onOver: (call: UnaryCall) => void;
}

/** Where a stream of Node.js finds its call, so that its listeners are functions of all calls and not closures of each. */
const CALL = Symbol('call');

interface OwnedStream extends ClientHttp2Stream {
  [CALL]: UnaryCall;
}

/** One call: it waits for a session, is sent, and is over by its answer, its deadline, its signal or the end of the connection. */
export class UnaryCall {
  /** Rejects with a {@link CallFailure}. */
  readonly answer: Promise<Buffer>;
  #resolve: (message: Buffer) => void = ignore;
  #reject: (failure: CallFailure) => void = ignore;
  readonly #options: UnaryCallOptions;
  readonly #received = new UnaryAnswer();
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort: (() => void) | undefined;
  #session: ClientHttp2Session | undefined;
  #stream: ClientHttp2Stream | undefined;
  #isOver = false;

  constructor(options: UnaryCallOptions) {
    this.#options = options;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { deadlineMs, signal } = options;
    this.#timer = setTimeout(onDeadline, Math.max(0, deadlineMs - Date.now()), this);
    if (signal === undefined) return;
    this.#onAbort = () => this.fail(new CallFailure(status.CANCELLED, 'cancelled by the caller'));
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Sends it; not when it is over already. */
  start(session: ClientHttp2Session): void {
    if (this.#isOver) return;
    this.#session = session;
    try {
      const stream = session.request(this.#headers());
      this.#stream = stream;
      const owned = Object.assign(stream, { [CALL]: this });
      owned.on('response', onHeaders);
      owned.on('trailers', onHeaders);
      owned.on('data', onData);
      owned.on('error', ignore);
      owned.on('close', onClose);
      stream.end(framed(this.#options.request));
    } catch (cause) {
      // Node.js throws for a session that has just ended, before anybody hears of that.
      this.fail(new CallFailure(status.UNAVAILABLE, 'the call could not be sent', { cause }));
    }
  }

  /** Ends it, if it is not over; the peer is told. */
  fail(failure: CallFailure): void {
    if (!this.#finish()) return;
    this.#reject(failure);
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  }

  takeHeaders(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    this.#received.takeHeaders(headers);
  }

  takeBytes(bytes: Buffer): void {
    try {
      this.#received.takeBytes(bytes);
    } catch (failure) {
      this.fail(asFailure(failure));
    }
  }

  /** The stream has ended, and told all that it had. */
  close(resetCode: number): void {
    if (!this.#finish()) return;
    try {
      this.#resolve(this.#received.message(resetCode));
    } catch (failure) {
      // A session that is lost resets its streams, as if the peer had done so.
      const isLost = this.#session?.destroyed === true && !this.#received.hasStatus;
      this.#reject(isLost ? new CallFailure(status.UNAVAILABLE, 'connection lost') : asFailure(failure));
    }
  }

  #headers() {
    const { path, authority, metadata, deadlineMs } = this.#options;
    return {
      ':method': 'POST',
      ':scheme': 'https',
      ':authority': authority,
      ':path': path,
      te: 'trailers',
      'content-type': 'application/grpc',
      'user-agent': 'grpc-sidecert',
      'grpc-accept-encoding': 'identity',
      'grpc-timeout': timeoutText(deadlineMs - Date.now()),
      ...metadata,
      // Each token goes out once: in the compression table it would only push out what all calls share. (RFC 7541 §7.1.3)
      [sensitiveHeaders]: SENSITIVE,
    };
  }

  /** False when it was over before. */
  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearTimeout(this.#timer);
    if (this.#onAbort !== undefined) this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#options.onOver(this);
    return true;
  }
}

const SENSITIVE = ['authorization'];

function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_PREFIX_BYTES + message.length);
  writeFramePrefix(frame, message.length);
  message.copy(frame, FRAME_PREFIX_BYTES);
  return frame;
}

/** At most eight digits are allowed: above a day in milliseconds, seconds do. (gRPC over HTTP/2, "Timeout") */
function timeoutText(timeoutMs: number): string {
  const milliseconds = Math.max(1, Math.ceil(timeoutMs));
  return milliseconds < 1e8 ? `${milliseconds}m` : `${Math.min(99_999_999, Math.ceil(milliseconds / 1000))}S`;
}

function asFailure(failure: unknown): CallFailure {
  return failure instanceof CallFailure ? failure : new CallFailure(status.INTERNAL, String(failure));
}

function onDeadline(call: UnaryCall): void {
  call.fail(new CallFailure(status.DEADLINE_EXCEEDED, 'deadline exceeded'));
}

function onHeaders(this: ClientHttp2Stream, headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
  (this as OwnedStream)[CALL].takeHeaders(headers);
}

function onData(this: ClientHttp2Stream, bytes: Buffer): void {
  (this as OwnedStream)[CALL].takeBytes(bytes);
}

function onClose(this: ClientHttp2Stream): void {
  (this as OwnedStream)[CALL].close(this.rstCode ?? constants.NGHTTP2_NO_ERROR);
}

function ignore(): void {}
