import type { Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import {
  encodeHeaderBlock,
  type RequestHead,
  ServerConnection,
  type ServerConnectionOptions,
  type ServerStream,
  serverOpening,
  type Wire,
} from '../http2/index.js';
import { Field, type Logger } from '../telemetry/index.js';
import { type FramedCall, Http2Call } from './framed-call.js';

/**
 * A gRPC server on HTTP/2 of our own, for the many long streams of Envoys: it sends one memory to thousands of calls,
 * sizes its windows for Envoy's first requests, and bounds what a peer can make it do or hold (docs/adr/0011). The listeners
 * hand it their wires.
 */
export interface FramedServer {
  /** Connections that are open. */
  readonly connectionCount: number;
  /** Calls of `path`, such as `/package.Service/Method`, go to `open`; it ends each by {@link FramedCall.end}. */
  addMethod(path: string, open: (call: FramedCall) => void): void;
  /** Serves HTTP/2 on `wire`, which it owns from then on. */
  attach(wire: Wire): void;
  /**
   * Ends all connections: GOAWAY at once, each connection closed when its last call has ended, whatever is left after `graceMs` cut off.
   * Resolves when nothing is left. Close the listeners first (a wire attached later is destroyed), and end your own long
   * streams with OK, or this waits the whole grace time. Safe to call twice.
   */
  close(graceMs: number): Promise<void>;
}

export interface FramedServerOptions {
  readonly logger: Logger;
  /** A larger message ends its call with RESOURCE_EXHAUSTED. */
  readonly maxReceiveBytes: number;
  /** Per connection. */
  readonly maxConcurrentStreams: number;
  /** Takes connections that speak HTTP/1: paused, with nothing read of them. Left out, they are closed. */
  readonly onHttp1?: (socket: Socket) => void;
}

/** Connections are looked after this often, as long as there are any. */
const CHECK_PERIOD_MS = 5_000;

/** A peer that connects says what it wants at once. */
const GREETING_MS = 10_000;

/** A peer that has not read a byte of what waits for it for so long never will; Envoy has given up long before. */
const STUCK_MS = 60_000;

/** Makes the server; {@link FramedServer.close} ends it. */
export function createFramedServer(options: FramedServerOptions): FramedServer {
  return new Http2FramedServer(options);
}

/** A connection that did not read all that was sent to it, as it was when that was seen. */
interface Stuck {
  readonly backlogBytes: number;
  readonly sinceMs: number;
}

class Http2FramedServer implements FramedServer {
  readonly #options: FramedServerOptions;
  readonly #connectionOptions: ServerConnectionOptions;
  readonly #methods = new Map<string, (call: FramedCall) => void>();
  readonly #connections = new Set<ServerConnection>();
  /** Those that have not said anything yet, and since when. */
  readonly #silent = new Map<ServerConnection, number>();
  readonly #stuck = new Map<ServerConnection, Stuck>();
  #connectionNumber = 0;
  #timer: NodeJS.Timeout | undefined;
  #onEmpty = (): void => {};
  #closing: Promise<void> | undefined;

  constructor(options: FramedServerOptions) {
    this.#options = options;
    const { maxConcurrentStreams, onHttp1 } = options;
    this.#connectionOptions = {
      opening: serverOpening(maxConcurrentStreams),
      maxConcurrentStreams,
      onHttp1,
      onRequest: (stream, head) => this.#open(stream, head),
      onGreeted: (connection) => this.#silent.delete(connection),
      onClosed: (connection, reason) => this.#closed(connection, reason),
      onBug: (error) => options.logger.error('connection ended by a bug', { [Field.error]: String(error) }),
      now: () => performance.now(),
    };
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  addMethod(path: string, open: (call: FramedCall) => void): void {
    this.#methods.set(path, open);
  }

  attach(wire: Wire): void {
    if (this.#closing !== undefined) {
      wire.destroy();
      return;
    }
    this.#connectionNumber += 1;
    const connection = new ServerConnection(wire, this.#connectionNumber, this.#connectionOptions);
    this.#connections.add(connection);
    this.#silent.set(connection, performance.now());
    this.#timer ??= setInterval(() => this.#check(), CHECK_PERIOD_MS).unref();
  }

  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#drain(graceMs);
    return this.#closing;
  }

  async #drain(graceMs: number): Promise<void> {
    for (const connection of this.#connections) connection.goAway();
    if (this.#connections.size > 0) {
      const empty = new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
      const timer = setTimeout(() => this.#cutOff(), graceMs);
      await empty;
      clearTimeout(timer);
    }
    clearInterval(this.#timer);
  }

  #cutOff(): void {
    this.#options.logger.warn('connections cut off at shutdown', { [Field.connections]: this.#connections.size });
    for (const { wire } of this.#connections) wire.destroy();
  }

  #closed(connection: ServerConnection, reason: string | undefined): void {
    this.#connections.delete(connection);
    this.#silent.delete(connection);
    this.#stuck.delete(connection);
    if (reason !== undefined && this.#options.logger.writesDebug) {
      this.#options.logger.debug('connection broken by its peer', {
        [Field.connection]: connection.number,
        [Field.reason]: reason,
      });
    }
    if (this.#connections.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#onEmpty();
  }

  /** Ends connections whose peers say nothing, or read nothing. */
  #check(): void {
    const nowMs = performance.now();
    for (const [connection, sinceMs] of this.#silent) {
      if (nowMs - sinceMs >= GREETING_MS) connection.wire.destroy();
    }
    for (const connection of this.#connections) {
      const { backlogBytes } = connection.wire;
      const stuck = this.#stuck.get(connection);
      if (backlogBytes === 0) {
        if (stuck !== undefined) this.#stuck.delete(connection);
      } else if (stuck === undefined || backlogBytes < stuck.backlogBytes) {
        this.#stuck.set(connection, { backlogBytes, sinceMs: nowMs });
      } else if (nowMs - stuck.sinceMs >= STUCK_MS) {
        this.#options.logger.warn('connection given up: its peer does not read', {
          [Field.connection]: connection.number,
        });
        connection.wire.destroy();
      }
    }
  }

  #open(stream: ServerStream, head: RequestHead): void {
    const refusal = httpRefusal(head);
    if (refusal !== undefined) {
      // When it has ended, for many a client does not expect an answer before.
      stream.events = { data: () => {}, ended: () => stream.respond(refusal), closed: () => {} };
      return;
    }
    const call = new Http2Call(stream, head, this.#options.maxReceiveBytes);
    const open = this.#methods.get(head.path);
    if (open === undefined) {
      call.end({ code: status.UNIMPLEMENTED, details: 'unknown method' });
      return;
    }
    const timeoutMs = timeoutOf(head);
    if (timeoutMs !== undefined) call.endAfter(timeoutMs);
    open(call);
  }
}

const METHOD_NOT_ALLOWED = encodeHeaderBlock([[':status', '405']]);
const UNSUPPORTED_MEDIA_TYPE = encodeHeaderBlock([[':status', '415']]);

/** What is not gRPC at all is answered as HTTP does. (gRPC over HTTP/2, "Requests") */
function httpRefusal({ method, fields }: RequestHead): Buffer | undefined {
  if (method !== 'POST') return METHOD_NOT_ALLOWED;
  for (const [name, value] of fields) {
    if (name === 'content-type') return value.startsWith('application/grpc') ? undefined : UNSUPPORTED_MEDIA_TYPE;
  }
  return UNSUPPORTED_MEDIA_TYPE;
}

const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** setTimeout keeps a signed 32-bit delay: a deadline that is further away is none. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The caller's deadline, if it has one. (gRPC over HTTP/2, "Timeout") */
function timeoutOf({ fields }: RequestHead): number | undefined {
  for (const [name, value] of fields) {
    if (name !== 'grpc-timeout') continue;
    const [, amount, unit] = TIMEOUT.exec(value) ?? [];
    if (amount === undefined || unit === undefined) return undefined;
    const milliseconds = Number(amount) * (UNIT_MS[unit] ?? 0);
    return milliseconds > MAX_TIMER_MS ? undefined : milliseconds;
  }
  return undefined;
}
