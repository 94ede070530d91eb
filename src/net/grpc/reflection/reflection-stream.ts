import { type CallEvents, type GrpcCall, sendMessage } from '../server/grpc-call.js';
import { type StatusText, toStatusObject } from '../status.js';
import { status } from '../status-code.js';
import type { AnswerReflection } from './reflection-codec.js';

/** The longest name of ours has 80 bytes. */
const MAX_REQUEST_BYTES = 1024;

/** A tool asks for a name and waits for the answer, or for all imports of a file at once. */
const MAX_WAITING = 64;

export interface ReflectionStreamParts {
  /** Resolves with the module that knows the answers. */
  readonly answers: () => Promise<AnswerReflection>;
  /** Called with each request. False when it is one too many. */
  readonly admits: () => boolean;
  readonly onGone: (stream: ReflectionStream) => void;
}

/**
 * One stream of questions: each is answered when the answer before it has been taken, so that who does not read holds
 * one.
 */
export class ReflectionStream implements CallEvents {
  private readonly call: GrpcCall;
  private readonly parts: ReflectionStreamParts;
  private readonly waiting: Buffer[] = [];
  private received: Buffer[] = [];
  private receivedBytes = 0;
  private waitingBytes = 0;
  private isAnswering = false;
  private isHalfClosed = false;
  private isOver = false;

  constructor(call: GrpcCall, parts: ReflectionStreamParts) {
    this.call = call;
    this.parts = parts;
    call.listen(this);
  }

  part(bytes: Buffer, isLast: boolean): void {
    if (this.isOver) return;
    this.receivedBytes += bytes.length;
    if (this.receivedBytes > MAX_REQUEST_BYTES) {
      this.refuse(`request: got more than ${MAX_REQUEST_BYTES} bytes`);
      return;
    }
    if (!this.call.holds(this.waitingBytes + this.receivedBytes)) return;
    this.received.push(Buffer.from(bytes));
    if (!isLast) return;
    this.waiting.push(Buffer.concat(this.received));
    this.waitingBytes += this.receivedBytes;
    this.received = [];
    this.receivedBytes = 0;
    if (this.waiting.length > MAX_WAITING)
      this.refuse(`got more than ${MAX_WAITING} requests before an answer was read`);
    else if (!this.parts.admits()) this.refuse('too many requests');
    else void this.answer();
  }

  halfClosed(): void {
    this.isHalfClosed = true;
    if (!this.isAnswering) this.end();
  }

  gone(): void {
    this.leave();
    this.parts.onGone(this);
  }

  /** Ends it with OK: what waits is not answered. */
  end(): void {
    this.leave();
    this.call.end();
  }

  /** Ends it for more than a peer may have. */
  private refuse(details: string): void {
    this.fail({ code: status.RESOURCE_EXHAUSTED, details });
  }

  /** Answers what waits, one after the other. */
  private async answer(): Promise<void> {
    if (this.isAnswering) return;
    this.isAnswering = true;
    try {
      const answerTo = await this.parts.answers();
      for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
        const message = answerTo(next);
        this.waitingBytes -= next.length;
        if (!this.call.holds(this.waitingBytes + this.receivedBytes)) return;
        if (message === undefined) {
          this.fail({
            code: status.INVALID_ARGUMENT,
            details: 'request: got bytes that are no ServerReflectionRequest',
          });
          return;
        }
        await this.send(message);
      }
    } catch (error) {
      this.fail(toStatusObject(error));
      return;
    }
    this.isAnswering = false;
    if (this.isHalfClosed) this.end();
  }

  /** Resolves when the peer has room for all of it, or the call is over. */
  private send(message: Buffer): Promise<void> {
    return new Promise((resolve) => sendMessage(this.call, message, resolve));
  }

  private fail(failure: StatusText): void {
    this.leave();
    this.call.end(failure);
  }

  /** Nothing more is answered. */
  private leave(): void {
    this.isOver = true;
    this.waiting.length = 0;
    this.received = [];
  }
}
