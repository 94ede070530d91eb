import type { Socket } from 'node:net';
import { type CancelSignal, CancelSource } from '../../cancellation/index.js';
import { heavy, idlest, type QueuePlace } from '../../fairness/index.js';
import { addressKey } from '../../net/transport/index.js';
import { type Counter, Metric, type MetricRegistry } from '../../telemetry/index.js';

/** What all connections may take. */
export interface ConnectionLimits {
  readonly maxConnections: number;
  /** Of requests that have not been answered. */
  readonly maxHeldBytes: number;
  /** For a request from its head to its answer, and for the first one of a connection from its handshake. */
  readonly requestMs: number;
  /** Between two requests. */
  readonly idleMs: number;
}

/**
 * An API server keeps some 25 connections, and a cluster has a handful of API servers. Its client ends a connection
 * after 90 s without a request: if we were the first to end it, a request might be on its way, and would fail.
 * (client-go, "maxIdleConnsPerHost"; net/http, "IdleConnTimeout"). A pod has some ten kilobytes. All that is held is
 * worked on within half a second.
 */
export const CONNECTION_LIMITS: ConnectionLimits = {
  maxConnections: 256,
  maxHeldBytes: 32 * 1024 * 1024,
  requestMs: 10_000,
  idleMs: 120_000,
};

/** Why a connection was ended, but for its own end: a closed set, for the metric. */
type EndReason = 'full' | 'memory' | 'late' | 'protocol';

/** One connection. At most one request at a time is on it. */
export interface ReviewConnection {
  /** Cancelled when it has ended. */
  readonly signal: CancelSignal;
  /** For whom its requests wait: its address, and then itself. */
  readonly place: QueuePlace;
  /** False when there is a request that has not been answered. */
  begin(): boolean;
  /** So many bytes of the request have come. False: they were too many, and the connection has been ended. */
  hold(bytes: number): boolean;
  /** The request is answered, and no byte of it is held. */
  end(): void;
}

/**
 * The open connections. Any pod of the cluster can connect, and its address is all that is known of it: above a limit
 * the one that has been idle for longest is ended, of those addresses that have most.
 */
export class ReviewConnections {
  private readonly open = new Map<Socket, Connection>();
  private readonly ended: Readonly<Record<EndReason, Counter>>;
  /** By address, of those that are open. */
  private readonly peers = new Map<string, { readonly id: number; count: number }>();
  private heldBytes = 0;
  private order = 0;
  private onEmpty = (): void => {};

  constructor(
    private readonly limits: ConnectionLimits,
    metrics: MetricRegistry,
  ) {
    const counter = (reason: EndReason): Counter => metrics.counter(Metric.injectorConnectionsEnded, { reason });
    const [full, memory, late, protocol] = [counter('full'), counter('memory'), counter('late'), counter('protocol')];
    this.ended = { full, memory, late, protocol };
  }

  /** Takes a connection after its handshake. */
  add(socket: Socket): void {
    const peer = addressKey(socket.remoteAddress ?? '');
    const known = this.peers.get(peer) ?? { id: this.next(), count: 0 };
    known.count += 1;
    this.peers.set(peer, known);
    const connection = new Connection(socket, peer, known.id, this);
    this.open.set(socket, connection);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      connection.gone();
      this.open.delete(socket);
      known.count -= 1;
      if (known.count === 0) this.peers.delete(peer);
      if (this.open.size === 0) this.onEmpty();
    });
    connection.rearm(this.limits.requestMs);
    if (this.open.size > this.limits.maxConnections) this.evict();
  }

  /** `undefined` when it has been ended. */
  of(socket: Socket): ReviewConnection | undefined {
    return this.open.get(socket);
  }

  /** Ends a connection whose peer does not keep to HTTP. */
  misbehaved(socket: Socket): void {
    if (this.open.has(socket)) this.ended.protocol.add();
    socket.destroy();
  }

  /** Resolves when there is none, or after `ms`: those that are left are ended then. */
  async drain(ms: number): Promise<void> {
    if (this.open.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    for (const socket of this.open.keys()) socket.destroy();
  }

  /** Of a connection: its place in the order in which all have been seen last. */
  next(): number {
    this.order += 1;
    return this.order;
  }

  timeoutMs(isBusy: boolean): number {
    return isBusy ? this.limits.requestMs : this.limits.idleMs;
  }

  late(socket: Socket): void {
    this.ended.late.add();
    socket.destroy();
  }

  /** Counts bytes that are held, or no longer. False when `connection` had to be ended for them. */
  held(connection: Connection, bytes: number): boolean {
    this.heldBytes += bytes;
    while (this.heldBytes > this.limits.maxHeldBytes) {
      const largest = this.largest();
      if (largest === undefined) break;
      this.ended.memory.add();
      largest.release();
      largest.socket.destroy();
    }
    return !connection.socket.destroyed;
  }

  private evict(): void {
    const most = heavy([...this.open.values()], ({ peer }) => peer);
    const idle = most.filter(({ isBusy }) => !isBusy);
    for (const { socket } of idlest(idle.length > 0 ? idle : most, 1)) {
      this.ended.full.add();
      socket.destroy();
    }
  }

  /** The connection that holds most of the address that holds most. */
  private largest(): Connection | undefined {
    const byPeer = new Map<string, number>();
    for (const { peer, bytes } of this.open.values()) byPeer.set(peer, (byPeer.get(peer) ?? 0) + bytes);
    let largest: Connection | undefined;
    for (const one of this.open.values()) {
      const difference = (byPeer.get(one.peer) ?? 0) - (byPeer.get(largest?.peer ?? '') ?? 0);
      if (one.bytes === 0) continue;
      if (largest === undefined || difference > 0 || (difference === 0 && one.bytes > largest.bytes)) largest = one;
    }
    return largest;
  }
}

class Connection implements ReviewConnection {
  readonly signal = new CancelSource();
  readonly place: QueuePlace;
  isBusy = false;
  bytes = 0;
  lastSeen: number;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly socket: Socket,
    readonly peer: string,
    peerId: number,
    private readonly all: ReviewConnections,
  ) {
    this.lastSeen = all.next();
    this.place = { uid: undefined, pid: peerId, connection: this.lastSeen };
  }

  begin(): boolean {
    if (this.isBusy) return false;
    this.isBusy = true;
    this.seen();
    return true;
  }

  hold(bytes: number): boolean {
    this.bytes += bytes;
    return this.all.held(this, bytes);
  }

  end(): void {
    this.release();
    if (this.socket.destroyed) return;
    this.isBusy = false;
    this.seen();
  }

  /** Gives back all that is counted for it, and ends its timer. Safe to call twice. */
  release(): void {
    clearTimeout(this.timer);
    const { bytes } = this;
    this.bytes = 0;
    if (bytes > 0) this.all.held(this, -bytes);
  }

  gone(): void {
    this.release();
    this.signal.cancel();
  }

  rearm(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.all.late(this.socket), ms).unref();
  }

  private seen(): void {
    this.lastSeen = this.all.next();
    this.rearm(this.all.timeoutMs(this.isBusy));
  }
}
