import type { NetworkPeer, WirePeer } from '../../http2/index.js';
import { type StatusText, toStatusObject } from '../status.js';
import { status } from '../status-code.js';
import { type CallEvents, type GrpcCall, sendMessage } from './grpc-call.js';
import type { GrpcServer, MethodOptions } from './grpc-server.js';
import { OneRequest } from './one-request.js';

/** One unary call: what a {@link UnaryMethod} answers or refuses, now or later. */
export interface ServedCall {
  /** Which connection of its server it came by, counted from 1. */
  readonly connection: number;
  /** Who is at the other end of that; `undefined` where it is not known. */
  readonly peer: WirePeer | undefined;
  /** The same of a connection over a network; `undefined` of another. */
  readonly networkPeer: NetworkPeer | undefined;
  /** As of {@link GrpcCall.origin}. */
  readonly origin: string | undefined;
  /** The values of a header that the method wants, as they came; `name` in lower case. */
  metadata(name: string): readonly string[];
  /** As of {@link GrpcCall.forgetMetadata}. */
  forgetMetadata(): void;
  /** As of {@link GrpcCall.proven}. */
  proven(): void;
  /** As of {@link GrpcCall.mayTry}. */
  mayTry(): boolean;
  /** As of {@link GrpcCall.charge}; also when the call is over. */
  charge(cost: number, work: number): void;
  /**
   * Calls `listener` when the call is over before it has an answer: its caller has gone, or its deadline has passed.
   */
  onGone(listener: () => void): void;
  /** Ends the call with OK. Nothing happens when it is over; so with the others. */
  answer(message: Buffer): void;
  /** The same with a message in its frame. `onWritten` is called once, when that memory is no longer needed. */
  answerFramed(frame: Buffer, onWritten: () => void): void;
  refuse(failure: StatusText): void;
}

/** Answers a call; what it throws or rejects with refuses it. The request is the method's own memory. */
export type UnaryMethod = (request: Buffer, call: ServedCall) => void | Promise<void>;

/**
 * Adds a method that takes one message and gives one. It is asked as soon as the message has come, without waiting for
 * the peer to say that it was the last: who never does so would have it kept for ever.
 */
export function addUnaryMethod(
  server: Pick<GrpcServer, 'addMethod'>,
  path: string,
  method: UnaryMethod,
  options?: MethodOptions,
): void {
  server.addMethod(path, (call) => call.listen(new UnaryCallEvents(call, method)), options);
}

const NOTHING = Buffer.alloc(0);

class UnaryCallEvents implements ServedCall, CallEvents {
  private readonly call: GrpcCall;
  private readonly method: UnaryMethod;
  private readonly request = new OneRequest();
  private isAsked = false;
  private isOver = false;
  #onGone: (() => void) | undefined;

  constructor(call: GrpcCall, method: UnaryMethod) {
    this.call = call;
    this.method = method;
  }

  get connection(): number {
    return this.call.connection;
  }

  get peer(): WirePeer | undefined {
    return this.call.peer;
  }

  get networkPeer(): NetworkPeer | undefined {
    return this.call.networkPeer;
  }

  get origin(): string | undefined {
    return this.call.origin;
  }

  metadata(name: string): readonly string[] {
    return this.call.metadata(name);
  }

  forgetMetadata(): void {
    this.call.forgetMetadata();
  }

  proven(): void {
    this.call.proven();
  }

  mayTry(): boolean {
    return this.call.mayTry();
  }

  charge(cost: number, work: number): void {
    this.call.charge(cost, work);
  }

  onGone(listener: () => void): void {
    this.#onGone = listener;
  }

  answer(message: Buffer): void {
    if (this.isOver) return;
    this.isOver = true;
    sendMessage(this.call, message);
    this.call.end();
  }

  answerFramed(frame: Buffer, onWritten: () => void): void {
    if (this.isOver) {
      onWritten();
      return;
    }
    this.isOver = true;
    this.call.send(frame, NOTHING, onWritten);
    this.call.end();
  }

  refuse(failure: StatusText): void {
    if (this.isOver) return;
    this.isOver = true;
    this.call.end(failure);
  }

  part(bytes: Buffer, isLast: boolean): void {
    if (this.isAsked) {
      this.refuseCount('two');
      return;
    }
    const request = this.request.take(this.call, bytes, isLast);
    if (request !== undefined) this.ask(request);
  }

  halfClosed(): void {
    if (!this.isAsked) this.refuseCount('none');
  }

  gone(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#onGone?.();
  }

  private ask(request: Buffer): void {
    this.isAsked = true;
    // The method has it as long as it works on it.
    if (!this.call.holds(request.length)) return;
    try {
      this.method(request, this)?.catch((error: unknown) => this.refuse(toStatusObject(error)));
    } catch (error) {
      this.refuse(toStatusObject(error));
    }
  }

  private refuseCount(count: string): void {
    if (this.isOver) return;
    this.refuse({ code: status.INVALID_ARGUMENT, details: `request: got ${count}, expected one message` });
    this.#onGone?.();
  }
}
