import type { Socket } from 'node:net';
import { monotonicMs } from '../../../timers/index.js';
import { ClientConnection, SlabOutput } from '../../http2/index.js';
import type { DialEvents, DialFailure, Dialling } from '../../transport/index.js';
import { DialledWire } from '../../transport/index.js';
import { CallDeadlines } from '../call-deadlines.js';
import { status } from '../status-code.js';
import { CallFailure } from './call-failure.js';
import type { UnaryOptions } from './channel.js';
import { Keepalive } from './keepalive.js';
import { type CallHost, requestHead, UnaryCall } from './unary-call.js';

/** One HTTP/2 connection for unary calls. Once lost it stays so: the caller opens another. */
export interface GrpcClient {
  /** False from the moment on that no further call can begin: the connection is lost, or the peer has sent GOAWAY. */
  readonly isUsable: boolean;
  /**
   * One call with the bytes of its messages. Rejects with a {@link CallFailure}; one that has begun after the end with
   * UNAVAILABLE.
   */
  unary(path: string, request: Buffer, options: UnaryCallOptions): Promise<Buffer>;
  /** Ends the connection and the calls on it, with CANCELLED. Safe to call twice. */
  close(): void;
}

export interface UnaryCallOptions extends UnaryOptions {
  /** Of the answer; 4 MB unless given. */
  readonly maxAnswerBytes?: number;
}

/** Whom it leads to. */
export interface UnaryPeer {
  /** The `:authority` of requests. */
  readonly authority: string;
  /** Dials, at once. */
  dial(events: DialEvents): Dialling;
}

export interface GrpcClientOptions {
  /** It was there and is lost, or the peer has taken its leave; called once, and not for {@link GrpcClient.close}. */
  readonly onLost?: (() => void) | undefined;
}

/** To a peer that its caller knows how to dial. Dials at once. The caller closes it. */
export function openGrpcClientTo(peer: UnaryPeer): GrpcClient {
  return new Http2GrpcClient(peer);
}

/** A {@link GrpcClient}, whatever it runs over. Dials at once. The caller closes it. */
export class Http2GrpcClient implements GrpcClient, CallHost {
  readonly http2: ClientConnection;
  private readonly authority: string;
  private readonly wire = new DialledWire();
  private readonly dialling: Dialling;
  /** Of each method, made with its first call. */
  private readonly heads = new Map<string, Buffer>();
  private readonly calls = new Set<UnaryCall>();
  private readonly deadlines = new CallDeadlines(this.calls);
  private readonly keepalive: Keepalive;
  private readonly onLost: (() => void) | undefined;
  private isConnected = false;
  private end: CallFailure | undefined;

  constructor(peer: UnaryPeer, { onLost }: GrpcClientOptions = {}) {
    this.onLost = onLost;
    this.authority = peer.authority;
    this.http2 = new ClientConnection({
      output: new SlabOutput(this.wire),
      onEnd: (reason) => this.lose(reason === '' ? 'connection closed' : `connection lost: ${reason}`),
      now: monotonicMs,
    });
    this.keepalive = new Keepalive({
      ping: (onPong) => this.http2.ping(onPong),
      onDead: () => this.lose('no answer to a ping'),
      after: (delayMs, fire) => {
        const timer = setTimeout(fire, delayMs);
        return () => clearTimeout(timer);
      },
    });
    this.dialling = peer.dial({
      onConnected: (socket) => this.connected(socket),
      onFailed: (failure) => this.endBy(unconnected(failure)),
    });
  }

  get isUsable(): boolean {
    return this.end === undefined && this.http2.isUsable;
  }

  unary(path: string, message: Buffer, options: UnaryCallOptions): Promise<Buffer> {
    if (!this.isUsable) return Promise.reject(this.end ?? new CallFailure(status.UNAVAILABLE, 'the peer sent GOAWAY'));
    if (options.signal?.isCancelled === true)
      return Promise.reject(new CallFailure(status.CANCELLED, 'cancelled by the caller'));
    const call = new UnaryCall(this, { ...options, head: this.headOf(path), message });
    this.calls.add(call);
    options.signal?.add(call);
    this.keepalive.begin();
    this.deadlines.mind(call);
    call.start();
    return call.answer;
  }

  ended(call: UnaryCall): void {
    if (!this.calls.delete(call)) return;
    call.signal?.delete(call);
    this.keepalive.end();
  }

  close(): void {
    this.endBy(new CallFailure(status.CANCELLED, 'the connection was closed'));
  }

  private connected(socket: Socket): void {
    this.isConnected = true;
    this.wire.attach(socket);
    socket.on('error', (error) => this.lose(`connection lost: ${error.message}`));
    socket.on('data', (bytes: Buffer) => this.http2.received(bytes, 0, bytes.length));
    socket.on('close', () => this.lose('connection closed'));
    // No answer can follow; `close` comes some turns of the event loop later.
    socket.on('end', () => this.lose('connection closed'));
    this.http2.open();
  }

  private headOf(path: string): Buffer {
    const known = this.heads.get(path);
    if (known !== undefined) return known;
    const head = requestHead(path, this.authority);
    this.heads.set(path, head);
    return head;
  }

  private lose(details: string): void {
    const isNews = this.end === undefined && this.isConnected;
    this.endBy(new CallFailure(status.UNAVAILABLE, details));
    if (isNews) this.onLost?.();
  }

  /** The first reason counts: the others follow from it. */
  private endBy(failure: CallFailure): void {
    if (this.end !== undefined) return;
    this.end = failure;
    this.http2.close();
    for (const call of this.calls) call.fail(failure);
    this.deadlines.stop();
    this.dialling.cancel();
    this.wire.hangUp();
  }
}

function unconnected({ reason, isUnverified }: DialFailure): CallFailure {
  const fault = isUnverified ? 'peer-unverified' : undefined;
  return new CallFailure(status.UNAVAILABLE, `no connection: ${reason}`, { fault });
}
