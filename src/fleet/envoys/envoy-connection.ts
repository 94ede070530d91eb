import type { Call, CallEvents } from '../calls/call.js';
import { CallConnection, type ConnectionEnd, type ConnectionEvents } from '../calls/call-connection.js';
import type { CallEnd } from '../calls/call-end.js';
import type { FleetContext } from './fleet-context.js';

/** A stream that is opened again on each new connection. */
export interface LinkedStream {
  /** On a connection that is up. `sinceMs`: since when the Envoy wants it. */
  open(sinceMs: number): void;
  /** Its connection is lost: the stream is no more, if it was open. */
  lost(end: CallEnd): void;
  /** Its connection is closed by us: the stream is no more. */
  forget(): void;
}

/** One connection of a fake Envoy, made again after a back-off when it is refused or lost, with the streams on it. */
export class EnvoyConnection implements ConnectionEvents {
  readonly streams: LinkedStream[] = [];
  private connection: CallConnection | undefined;
  private isConnected = false;
  private sinceMs = 0;
  private failures = 0;

  constructor(private readonly context: FleetContext) {}

  start(): void {
    this.sinceMs = performance.now();
    this.connect();
  }

  connected(): void {
    this.isConnected = true;
    for (const stream of this.streams) stream.open(this.sinceMs);
  }

  closed({ wasConnected, error, detail }: ConnectionEnd): void {
    this.isConnected = false;
    this.connection = undefined;
    for (const stream of this.streams) stream.lost({ error, detail });
    if (wasConnected) {
      this.sinceMs = performance.now();
    } else {
      this.context.recorder.refusedConnects += 1;
      this.context.recorder.failed(error, detail);
    }
    this.context.retries.add(this, this.failures, performance.now());
    this.failures += 1;
  }

  retry(): void {
    if (this.connection === undefined) this.connect();
  }

  openCall(headerBlock: Buffer, events: CallEvents): Call {
    if (this.connection === undefined) throw new TypeError('link: a stream is opened only while it is connected');
    return this.connection.call(headerBlock, events);
  }

  /** Opens a stream that was ended, when the connection is up; on one that the server drains, all move to a new one. */
  reopen(stream: LinkedStream): void {
    if (!this.isConnected) return;
    if (this.connection?.goneAway !== undefined) this.restart();
    else stream.open(performance.now());
  }

  /** Gives the connection up, and opens another. */
  restart(): void {
    this.close();
    this.start();
  }

  /** It works: a server that takes connections and drops them meets with growing patience until then. */
  proved(): void {
    this.failures = 0;
  }

  pause(): void {
    this.connection?.pause();
  }

  resume(): void {
    this.connection?.resume();
  }

  close(): void {
    this.connection?.close();
    this.connection = undefined;
    this.isConnected = false;
    for (const stream of this.streams) stream.forget();
  }

  private connect(): void {
    const { socketPath, sockets } = this.context;
    this.connection = new CallConnection(socketPath, sockets, this);
  }
}
