import type { Socket } from 'node:net';
import {
  type ConnectionEnd,
  ErrorCode,
  ReadQueue,
  type RequestHead,
  ServerConnection,
  type ServerConnectionOptions,
  type ServerStream,
  serverOpening,
  type Wire,
  type WirePeer,
} from '../http2/index.js';
import { Field, type Logger, MetricRegistry } from '../telemetry/index.js';
import { CallLedger } from './call-ledger.js';
import { ConnectionLimits } from './connection-limits.js';
import { ConnectionRecord } from './connection-record.js';
import { ConnectionWatch } from './connection-watch.js';
import { type Every, everyUnreferenced } from './every.js';
import { type FramedCall, Http2Call } from './framed-call.js';
import { httpRefusal, timeoutOf } from './request-kind.js';
import { status } from './status-code.js';

/**
 * A gRPC server on HTTP/2 of our own, for the many long streams of Envoys: it sends one memory to thousands of calls,
 * sizes its windows for Envoy's first requests, and bounds what a peer can make it do or hold (docs/adr/0011). The listeners
 * hand it their wires.
 */
export interface FramedServer {
  /** Connections that are open. */
  readonly connectionCount: number;
  /** Those of {@link addMethod}. */
  readonly methodPaths: Iterable<string>;
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
  /** Of all connections together; above it a call is refused with RESOURCE_EXHAUSTED. */
  readonly maxCalls?: number;
  /** Open at a time; no limit when left out. */
  readonly maxConnections?: number;
  /** Whose processes may connect; everybody when left out. */
  readonly allowedUids?: ReadonlySet<number> | undefined;
  /** Takes connections that speak HTTP/1: paused, with nothing read of them. Left out, they are closed. */
  readonly onHttp1?: (socket: Socket) => void;
  readonly metrics?: MetricRegistry;
  /** Milliseconds, never going back. */
  readonly now?: () => number;
  readonly every?: Every;
}

/** Connections are looked after this often, as long as there are any. */
const CHECK_PERIOD_MS = 5_000;

/** Makes the server; {@link FramedServer.close} ends it. */
export function createFramedServer(options: FramedServerOptions): FramedServer {
  return new Http2FramedServer(options);
}

class Http2FramedServer implements FramedServer {
  private readonly options: FramedServerOptions;
  private readonly connectionOptions: ServerConnectionOptions;
  private readonly methods = new Map<string, (call: FramedCall) => void>();
  private readonly connections = new Set<ServerConnection>();
  private readonly watch = new ConnectionWatch<ServerConnection>();
  private readonly limits: ConnectionLimits;
  private readonly record: ConnectionRecord;
  private readonly calls: CallLedger;
  private readonly now: () => number;
  private connectionNumber = 0;
  private stopChecks: (() => void) | undefined;
  private onEmpty = (): void => {};
  private closing: Promise<void> | undefined;

  constructor(options: FramedServerOptions) {
    this.options = options;
    const { maxConcurrentStreams, maxConnections = Number.POSITIVE_INFINITY, allowedUids, onHttp1, logger } = options;
    const { maxReceiveBytes, maxCalls = Number.POSITIVE_INFINITY } = options;
    const { metrics = new MetricRegistry(), now = () => performance.now() } = options;
    this.now = now;
    this.limits = new ConnectionLimits({ maxConnections, allowedUids, now });
    this.record = new ConnectionRecord({ logger, metrics, now });
    this.calls = new CallLedger({ maxReceiveBytes, maxCalls, now });
    this.connectionOptions = {
      opening: serverOpening(maxConcurrentStreams),
      maxConcurrentStreams,
      readQueue: new ReadQueue(),
      onHttp1: onHttp1 && ((socket, { wire }) => this.serveHttp1(socket, { peer: wire.peer, serve: onHttp1 })),
      onRequest: (stream, head) => this.open(stream, head),
      onClosed: (connection, end) => this.closed(connection, end),
      onBug: (error) => logger.error('connection ended by a bug', { [Field.error]: String(error) }),
      now,
    };
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  get methodPaths(): Iterable<string> {
    return this.methods.keys();
  }

  addMethod(path: string, open: (call: FramedCall) => void): void {
    this.methods.set(path, open);
  }

  attach(wire: Wire): void {
    if (this.closing !== undefined) {
      wire.destroy();
      return;
    }
    const refusal = this.limits.enter(wire.peer);
    if (refusal !== undefined) {
      this.record.refused(refusal, wire.peer);
      wire.destroy();
      return;
    }
    this.connectionNumber += 1;
    this.connections.add(new ServerConnection(wire, this.connectionNumber, this.connectionOptions));
    this.stopChecks ??= (this.options.every ?? everyUnreferenced)(CHECK_PERIOD_MS, () => this.check());
  }

  close(graceMs: number): Promise<void> {
    this.closing ??= this.drain(graceMs);
    return this.closing;
  }

  private async drain(graceMs: number): Promise<void> {
    for (const connection of this.connections) connection.goAway();
    if (this.connections.size > 0) {
      const empty = new Promise<void>((resolve) => {
        this.onEmpty = resolve;
      });
      const timer = setTimeout(() => this.cutOff(), graceMs);
      await empty;
      clearTimeout(timer);
    }
    this.stopChecks?.();
  }

  private cutOff(): void {
    this.options.logger.warn('connections cut off at shutdown', { [Field.connections]: this.connections.size });
    for (const { wire } of this.connections) wire.destroy();
  }

  private closed(connection: ServerConnection, { code, reason }: ConnectionEnd): void {
    const { wire, number } = connection;
    this.connections.delete(connection);
    this.watch.forget(connection);
    this.limits.left(wire.peer);
    if (code !== ErrorCode.noError) this.record.broken(code, { reason, connection: number, peer: wire.peer });
    if (code === ErrorCode.enhanceYourCalm) this.limits.misbehaved(wire.peer);
    if (this.connections.size > 0) return;
    this.stopChecks?.();
    this.stopChecks = undefined;
    this.onEmpty();
  }

  /** Ends connections, and calls, that are kept open for nothing. */
  private check(): void {
    // First, as what a call is told at its end is not read yet.
    this.watch.check(this.connections, this.now(), ({ wire, number }, idleness) => {
      this.record.idle(idleness, { connection: number, peer: wire.peer });
      wire.destroy();
    });
    this.calls.expireMessages();
  }

  /** A connection of HTTP/1 is none of ours any more, but counts as one. */
  private serveHttp1(
    socket: Socket,
    { peer, serve }: { peer: WirePeer | undefined; serve: (socket: Socket) => void },
  ): void {
    if (this.limits.enter(peer) !== undefined) {
      socket.destroy();
      return;
    }
    socket.once('close', () => this.limits.left(peer));
    serve(socket);
  }

  private open(stream: ServerStream, head: RequestHead): void {
    const refusal = httpRefusal(head);
    if (refusal !== undefined) {
      // When it has ended, for many a client does not expect an answer before.
      stream.events = { data: () => {}, ended: () => stream.respond(refusal), closed: () => {} };
      return;
    }
    const call = new Http2Call(stream, head, this.calls);
    if (this.calls.isOverfull) {
      call.end({ code: status.RESOURCE_EXHAUSTED, details: 'too many calls' });
      return;
    }
    const open = this.methods.get(head.path);
    if (open === undefined) {
      call.end({ code: status.UNIMPLEMENTED, details: 'unknown method' });
      return;
    }
    const timeoutMs = timeoutOf(head);
    if (timeoutMs !== undefined) call.endAfter(timeoutMs);
    open(call);
  }
}
