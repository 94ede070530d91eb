import { type CallEvents, FRAME_PREFIX_BYTES, type FramedCall, writeFramePrefix } from './framed-call.js';
import type { StatusText } from './status.js';
import { status } from './status-code.js';

/** One unary call whose request has come whole: what {@link UnaryServer} hands to a method. */
export interface ServedCall {
  readonly request: Buffer;
  /** Which connection of its server it came by, counted from 1. */
  readonly connection: number;
  /** The values of a header, as they came; `name` in lower case. */
  metadata(name: string): readonly string[];
  /** Calls `listener` when the caller goes away before it has an answer. */
  onGone(listener: () => void): void;
  /** Ends the call with OK. Nothing happens when the caller has gone; so with {@link refuse}. */
  answer(message: Buffer): void;
  refuse(failure: StatusText): void;
}

export type UnaryMethod = (call: ServedCall) => void;

const NOTHING = Buffer.alloc(0);

/** Reads the one message of `call`, and has `method` answer it when the peer has half-closed. */
export function serveUnary(call: FramedCall, method: UnaryMethod): void {
  call.listen(new FramedUnaryCall(call, method));
}

class FramedUnaryCall implements ServedCall, CallEvents {
  request: Buffer = NOTHING;
  readonly #parts: Buffer[] = [];
  #messages = 0;
  #onGone = (): void => {};
  #isAnswered = false;

  constructor(
    private readonly call: FramedCall,
    private readonly method: UnaryMethod,
  ) {}

  get connection(): number {
    return this.call.connection;
  }

  metadata(name: string): readonly string[] {
    return this.call.metadata(name);
  }

  onGone(listener: () => void): void {
    this.#onGone = listener;
  }

  answer(message: Buffer): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    const prefix = Buffer.allocUnsafe(FRAME_PREFIX_BYTES);
    writeFramePrefix(prefix, message.length);
    this.call.send(prefix, message);
    this.call.end();
  }

  refuse(failure: StatusText): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.call.end(failure);
  }

  part(bytes: Buffer, isLast: boolean): void {
    this.#parts.push(Buffer.from(bytes));
    if (!isLast) return;
    this.#messages += 1;
    if (this.#messages > 1) this.#refuseCount('two');
  }

  halfClosed(): void {
    if (this.#messages === 0) {
      this.#refuseCount('none');
      return;
    }
    const [only] = this.#parts;
    this.request = this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts);
    this.#parts.length = 0;
    this.method(this);
  }

  gone(): void {
    if (!this.#isAnswered) this.#onGone();
    this.#isAnswered = true;
  }

  #refuseCount(count: string): void {
    this.refuse({ code: status.INVALID_ARGUMENT, details: `request: got ${count}, expected one message` });
  }
}
