import { Field, type Logger } from '../../../telemetry/index.js';
import { type Every, everyUnreferenced, monotonicMs } from '../../../timers/index.js';
import {
  type ConnectionEnd,
  Http2ErrorCode,
  type NetworkPeer,
  ReadQueue,
  type RequestHead,
  ServerConnection,
  type ServerConnectionOptions,
  type ServerStream,
  serverOpening,
  type Wire,
  type WirePeer,
} from '../../http2/index.js';
import type { ConnectionAccount } from '../ledger/accounts.js';
import type { QuotaLimits } from '../ledger/call-quota.js';
import { PeerLedger, type QuotaName } from '../ledger/peer-ledger.js';
import type { StatusText } from '../status.js';
import { ConnectionLimits, type Refusal } from './connection-limits.js';
import { ConnectionRecord } from './connection-record.js';
import { ConnectionWatch } from './connection-watch.js';
import { type GrpcCall, Http2Call } from './grpc-call.js';
import { PlainRequest } from './plain-request.js';
import { RefusalBlocks } from './refusal-blocks.js';
import { fieldValues, httpRefusal, timeoutOf, wantedFields } from './request-kind.js';
import { ServerCalls } from './server-calls.js';
import { type GrpcServerMetrics, ServerCounters } from './server-counters.js';

/** A connection that is served elsewhere, and that counts as one of a server's. */
export interface CountedConnection {
  /** Of all connections of the server. */
  readonly number: number;
  /** Counts octets more that are kept for its peer, or fewer. False when that is too much. */
  keep(octets: number): boolean;
  /** It is ended for what its peer did: a process that does so again and again is not let in for a while. */
  flooded(reason: string): void;
  /** It is over. Safe to call twice, and after it was dropped. */
  left(): void;
}

/** What a server has to know of a method before its first call. */
export interface MethodOptions {
  /** The header fields that it reads, in lower case: no other is kept. */
  readonly metadata?: readonly string[];
  /** Whose places its calls take; those of the service when left out. */
  readonly pot?: QuotaName;
  /**
   * Asked when a call comes, before there is a message: why it is refused at once, or `undefined`. Such a call costs a
   * third of one that is refused for its message.
   */
  readonly turnsAway?: ((call: ArrivingCall) => StatusText | undefined) | undefined;
}

/** A call of which only the header has come. */
export interface ArrivingCall {
  /** As of {@link GrpcCall.connection}. */
  readonly connection: number;
  readonly networkPeer: NetworkPeer | undefined;
  /** As of {@link GrpcCall.metadata}. */
  metadata(name: string): readonly string[];
}

/**
 * A gRPC server on HTTP/2 of our own, for the many long streams of Envoys: it sends one memory to thousands of calls,
 * sizes its windows for Envoy's first requests, and bounds what a peer can make it do or hold (docs/adr/0011). The
 * listeners hand it their wires.
 */
export interface GrpcServer {
  /** Connections that are open. */
  readonly connectionCount: number;
  /** Sets the gauges of its metrics, before they are read: connections, calls and octets as they stand. */
  showLoad(): void;
  /** Those of {@link addMethod}. */
  readonly methodPaths: Iterable<string>;
  /** Calls of `path`, such as `/package.Service/Method`, go to `open`; it ends each by {@link GrpcCall.end}. */
  addMethod(path: string, open: (call: GrpcCall) => void, options?: MethodOptions): void;
  /** For listeners that ask before they compute anything for a peer. */
  readonly admission: {
    /**
     * Whether a peer of this address may connect now: not for as long as those who came from there, and have proven
     * nothing, have no try left ({@link GrpcCall.mayTry}). One is kept for it, until it is attached as one that was
     * admitted, or has failed.
     */
    admits(address: string): boolean;
    failed(address: string): void;
    /** One was refused after its wait: that is counted. */
    turnedAway(): void;
  };
  /**
   * Counts a connection of another protocol with its own, by the same limits; `undefined` when there is no room for it,
   * or its peer may not connect. `drop` ends it to make room for others.
   */
  count(peer: WirePeer | undefined, drop: () => void): CountedConnection | undefined;
  /** Serves HTTP/2 on `wire`, which it owns from then on. */
  attach(wire: Wire, options?: { wasAdmitted: boolean }): void;
  /**
   * Ends all connections: GOAWAY at once, each connection closed when its last call has ended, whatever is left after
   * `graceMs` cut off. Resolves when nothing is left. Close the listeners first (a wire attached later is destroyed),
   * and end your own long streams with OK, or this waits the whole grace time. Safe to call twice.
   */
  close(graceMs: number): Promise<void>;
}

export interface GrpcServerOptions {
  readonly logger: Logger;
  /** A larger message ends its call with RESOURCE_EXHAUSTED. */
  readonly maxReceiveBytes: number;
  /** Per connection. */
  readonly maxConcurrentStreams: number;
  /**
   * Calls of the service, of all connections together; those of health and reflection have places of their own. Where
   * there are none left others are evicted, or the call is refused with RESOURCE_EXHAUSTED.
   */
  readonly calls?: QuotaLimits;
  /** Open at a time; no limit when left out. */
  readonly maxConnections?: number;
  /** Of one address, on TCP, those that have proven nothing; as many as may be when left out. */
  readonly maxUnprovenPerAddress?: number;
  /** Whose processes may connect; all when left out. */
  readonly allowedUids?: ReadonlySet<number> | undefined;
  /** Where it counts, and under which names; nowhere when left out. */
  readonly metrics?: GrpcServerMetrics;
  /** Milliseconds, never going back. */
  readonly now?: () => number;
  /**
   * Whether requests that come now would be refused: connections that send many are then read a little at a time, so
   * that refusing takes no time from what was accepted.
   */
  readonly isFull?: () => boolean;
  /** The same, going on while we work: by it what a connection sends is read in turns. */
  readonly turnClock?: () => number;
  readonly every?: Every;
}

/** A connection without a call is ended after this, gracefully: an unproven peer has no reason to stay. */
const IDLE_STRANGER_MS = 60_000;
const IDLE_PROVEN_MS = 15 * 60_000;

/** Part of all connections that is evicted at once, and the most of them. */
const DISPLACED_PART = 1 / 256;
const MAX_DISPLACED_AT_ONCE = 64;

/** What a method is, and how to serve a call of it. */
interface Method {
  readonly open: (call: GrpcCall) => void;
  readonly metadata: readonly string[];
  readonly pot: QuotaName;
  readonly turnsAway: MethodOptions['turnsAway'];
}

/** Connections are looked after this often, as long as there are any. */
const CHECK_PERIOD_MS = 5_000;

class Arriving implements ArrivingCall {
  constructor(
    private readonly stream: ServerStream,
    private readonly fields: RequestHead['fields'],
  ) {}

  get connection(): number {
    return this.stream.connectionNumber;
  }

  get networkPeer(): NetworkPeer | undefined {
    return this.stream.networkPeer;
  }

  metadata(name: string): readonly string[] {
    return fieldValues(this.fields, name);
  }
}

/** Makes the server; {@link GrpcServer.close} ends it. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  return new Http2FramedServer(options);
}

class Http2FramedServer implements GrpcServer {
  readonly admission: GrpcServer['admission'] = {
    admits: (address) => this.ledger.reserveTry(address),
    failed: (address) => this.ledger.cancelTry(address),
    turnedAway: () => this.record.refused('misbehaved', undefined),
  };
  private readonly options: GrpcServerOptions;
  private readonly connectionOptions: ServerConnectionOptions;
  private readonly methods = new Map<string, Method>();
  /** By the number of its account. */
  private readonly connections = new Map<number, ServerConnection>();
  private readonly watch = new ConnectionWatch<ServerConnection>();
  private readonly limits: ConnectionLimits;
  private readonly record: ConnectionRecord;
  private readonly counters: ServerCounters | undefined;
  private readonly ledger: PeerLedger;
  private readonly calls: ServerCalls;
  private readonly refusals = new RefusalBlocks();
  private readonly now: () => number;
  private stopChecks: (() => void) | undefined;
  private onEmpty = (): void => {};
  private closing: Promise<void> | undefined;

  constructor(options: GrpcServerOptions) {
    this.options = options;
    const { maxConcurrentStreams, maxConnections = Number.POSITIVE_INFINITY, allowedUids, logger } = options;
    const { maxReceiveBytes, calls = { max: Number.POSITIVE_INFINITY } } = options;
    const { metrics, now = monotonicMs } = options;
    this.now = now;
    this.limits = new ConnectionLimits({ maxConnections, allowedUids, now });
    const counters = metrics && new ServerCounters(metrics);
    this.counters = counters;
    this.record = new ConnectionRecord({ logger, counters, now });
    this.ledger = new PeerLedger({ service: calls, onDrop: (account) => this.noteDisplaced('octets', account), now });
    this.calls = new ServerCalls({ ledger: this.ledger, counters, maxReceiveBytes, now });
    this.connectionOptions = {
      opening: serverOpening(maxConcurrentStreams),
      maxConcurrentStreams,
      readQueue: new ReadQueue({ now: options.turnClock, isFull: options.isFull }),
      onRequest: (stream, head) => this.open(stream, head),
      onKept: ({ number }, bytes) => this.keep(number, bytes),
      onClosed: (connection, end) => this.closed(connection, end),
      onBug: (error) => this.record.bug(error),
      now,
    };
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  showLoad(): void {
    const { pots, heldBytes } = this.ledger;
    const calls = {
      ...{ service: pots.service.calls.size, watch: pots.watch.calls.size, health: pots.health.calls.size },
      ...{ reflection: pots.reflection.calls.size, other: pots.other.calls.size },
    };
    this.counters?.show({ connections: this.connectionCount, calls, heldBytes });
  }

  get methodPaths(): Iterable<string> {
    return this.methods.keys();
  }

  addMethod(path: string, open: (call: GrpcCall) => void, options: MethodOptions = {}): void {
    const { metadata = [], pot = 'service', turnsAway } = options;
    this.methods.set(path, { open, metadata, pot, turnsAway });
  }

  count(peer: WirePeer | undefined, drop: () => void): CountedConnection | undefined {
    const account = this.closing === undefined ? this.enter({ peer }) : undefined;
    if (account === undefined) return undefined;
    const left = (): void => {
      if (account.isClosed) return;
      this.ledger.close(account);
      this.limits.left(peer);
    };
    // At once, for the newcomer has its place: the end of a socket is told later.
    account.holder = {
      drop: () => {
        left();
        drop();
      },
    };
    return {
      number: account.number,
      keep: (octets) => this.ledger.change(account, octets),
      flooded: (reason) => {
        this.record.broken(Http2ErrorCode.enhanceYourCalm, { reason, connection: account.number, peer });
        this.limits.misbehaved(peer);
      },
      left,
    };
  }

  attach(wire: Wire, { wasAdmitted } = { wasAdmitted: false }): void {
    if (this.closing !== undefined) {
      wire.destroy();
      return;
    }
    const account = this.enter(wire, wasAdmitted);
    if (account === undefined) {
      wire.destroy();
      return;
    }
    const connection = new ServerConnection(wire, account.number, this.connectionOptions);
    account.holder = connection;
    this.connections.set(account.number, connection);
    this.stopChecks ??= (this.options.every ?? everyUnreferenced)(CHECK_PERIOD_MS, () => this.check());
  }

  close(graceMs: number): Promise<void> {
    this.closing ??= this.drain(graceMs);
    return this.closing;
  }

  private async drain(graceMs: number): Promise<void> {
    for (const connection of this.connections.values()) connection.goAway();
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
    for (const { wire } of this.connections.values()) wire.destroy();
  }

  /** Lets a connection in, or says that it was not. */
  private enter(wire: Pick<Wire, 'peer' | 'address'>, wasAdmitted = false): ConnectionAccount | undefined {
    const account = this.ledger.open(wire, wasAdmitted);
    const { maxUnprovenPerAddress = Number.POSITIVE_INFINITY } = this.options;
    if (wire.address !== undefined && account.peer.unprovenConnections > maxUnprovenPerAddress) {
      this.giveUpSome('too_many_of_address', account, ({ peer }) => peer === account.peer);
    }
    const refusal = this.limits.enter(wire.peer);
    if (refusal === undefined || this.displaced(refusal, account, wire)) return account;
    this.ledger.close(account);
    this.record.refused(refusal, wire.peer);
    return undefined;
  }

  /** Lets in a connection that is one too many, in the place of one that is evicted for it. */
  private displaced(refusal: Refusal, account: ConnectionAccount, { peer }: Pick<Wire, 'peer'>): boolean {
    if (refusal !== 'too_many' && refusal !== 'too_many_of_uid') return false;
    const fits = ({ peer: other }: ConnectionAccount): boolean => refusal === 'too_many' || other.uid === peer?.uid;
    return this.giveUpSome(refusal, account, fits) && this.limits.enter(peer) === undefined;
  }

  /** Ends connections for a newcomer: see {@link PeerLedger.idlest}. False when none was evicted. */
  private giveUpSome(
    reason: Refusal,
    newcomer: ConnectionAccount,
    fits: (account: ConnectionAccount) => boolean,
  ): boolean {
    const { maxConnections = 0 } = this.options;
    // Several at once, for to look for them goes over all.
    const count = Math.min(MAX_DISPLACED_AT_ONCE, Math.ceil(maxConnections * DISPLACED_PART));
    const idlest = this.ledger.idlest(count, newcomer, fits);
    for (const account of idlest) {
      this.noteDisplaced(reason, account);
      account.holder?.drop('too many connections: this one has been idle for longest');
    }
    return idlest.length > 0;
  }

  private noteDisplaced(limit: Refusal | 'octets', { number }: ConnectionAccount): void {
    this.record.displaced(limit, { connection: number, peer: this.connections.get(number)?.wire.peer });
  }

  private keep(number: number, bytes: number): boolean {
    const account = this.ledger.account(number);
    if (account === undefined || this.ledger.change(account, bytes)) return true;
    this.noteDisplaced('octets', account);
    return false;
  }

  private closed(connection: ServerConnection, { code, reason }: ConnectionEnd): void {
    const { wire, number } = connection;
    this.connections.delete(number);
    this.ledger.close(this.ledger.account(number));
    this.watch.forget(connection);
    this.limits.left(wire.peer);
    if (code !== Http2ErrorCode.noError) this.record.broken(code, { reason, connection: number, peer: wire.peer });
    if (code === Http2ErrorCode.enhanceYourCalm) this.limits.misbehaved(wire.peer);
    if (this.connections.size > 0) return;
    this.stopChecks?.();
    this.stopChecks = undefined;
    this.onEmpty();
  }

  /** Ends connections, and calls, that are kept open for nothing. */
  private check(): void {
    // First, as what a call is told at its end is not read yet.
    this.watch.check(this.connections.values(), this.now(), ({ wire, number }, idleness) => {
      this.record.idle(idleness, { connection: number, peer: wire.peer });
      wire.destroy();
    });
    this.ledger.expireWaits();
    this.endIdle();
  }

  private endIdle(): void {
    const nowMs = this.now();
    for (const [number, connection] of this.connections) {
      const account = this.ledger.account(number);
      if (account === undefined || account.calls > 0 || !connection.isGreeted) continue;
      if (nowMs - account.idleSinceMs < (account.isProven ? IDLE_PROVEN_MS : IDLE_STRANGER_MS)) continue;
      this.record.unused();
      connection.goAway();
    }
  }

  private open(stream: ServerStream, head: RequestHead): void {
    const { ledger } = this;
    const account = ledger.account(stream.connectionNumber);
    if (account === undefined) throw new Error('a stream of no connection');
    const refusal = httpRefusal(head);
    if (refusal !== undefined) {
      new PlainRequest(stream, { account, ledger, answer: refusal, nowMs: this.now() }).begin();
      return;
    }
    const method = this.methods.get(head.path);
    const fields = wantedFields(head, method?.metadata ?? []);
    const failure = method?.turnsAway?.(new Arriving(stream, fields));
    if (failure !== undefined) {
      account.idleSinceMs = this.now();
      stream.respond(this.refusals.of(failure));
      return;
    }
    const call = new Http2Call(stream, { account, pot: ledger.pots[method?.pot ?? 'other'], fields }, this.calls);
    if (!call.begin()) return;
    if (method === undefined) {
      call.refuse('unimplemented', 'unknown method');
      return;
    }
    const timeoutMs = timeoutOf(head);
    if (timeoutMs !== undefined) call.endAfter(timeoutMs);
    method.open(call);
  }
}
