import {
  ClientConnection,
  type ClientConnectionOptions,
  type ClientOutput,
  type ClientStream,
  type ClientStreamEvents,
  clientOpening,
  errorName,
  MAX_WINDOW_BYTES,
} from '../../net/http2/index.js';
import { monotonicMs } from '../../timers/index.js';
import type { FleetSocket, FleetSocketEvents, FleetSockets, SocketError } from '../sockets/fleet-socket.js';
import { Call, type CallEvents, type CallHost } from './call.js';
import type { CallEnd } from './call-end.js';

/**
 * Windows that never make the server wait, and no table of header fields: thousands of connections would keep one each.
 */
const OPENING = clientOpening({
  streamWindowBytes: MAX_WINDOW_BYTES,
  connectionWindowBytes: MAX_WINDOW_BYTES,
  maxHeaderListBytes: 64 * 1024,
  headerTableBytes: 0,
});

export interface ConnectionEvents {
  connected(): void;
  /** The answer to the last `ping`. */
  ponged?(): void;
  /** Called once, and last, unless we closed it ourselves. Its calls are no more, and are not told. */
  closed(reason: ConnectionEnd): void;
}

/** `error` is, for instance, `connect ECONNREFUSED`, `closed`, `goaway NO_ERROR` or `protocol`. */
export interface ConnectionEnd extends CallEnd {
  readonly wasConnected: boolean;
}

/** The calls of a fake Envoy on one Unix socket: thousands of these are in one process. */
export class CallConnection implements FleetSocketEvents, CallHost, ClientConnectionOptions {
  readonly opening = OPENING;
  readonly now = monotonicMs;
  private readonly socket: FleetSocket;
  private readonly http2: ClientConnection;
  private isConnected = false;
  private isClosed = false;
  #goneAway: CallEnd | undefined;

  constructor(
    path: string,
    sockets: FleetSockets,
    private readonly events: ConnectionEvents,
  ) {
    this.socket = sockets.connect(path, this);
    this.http2 = new ClientConnection(this);
  }

  get output(): ClientOutput {
    return this.socket.output;
  }

  get goneAway(): CallEnd | undefined {
    return this.#goneAway;
  }

  connected(): void {
    this.isConnected = true;
    this.http2.open();
    this.events.connected();
  }

  received(bytes: Buffer, start: number, end: number): void {
    this.http2.received(bytes, start, end);
  }

  closed(error: SocketError | undefined): void {
    if (error === undefined) {
      this.over(this.#goneAway ?? { error: 'closed', detail: 'the server closed the connection' });
    } else {
      const kind = this.isConnected ? 'connection lost' : 'connect';
      this.over({ error: `${kind} ${error.code}`.trimEnd(), detail: error.message });
    }
  }

  /** Begins a call; `block` is its header block. */
  call(block: Buffer, events: CallEvents): Call {
    return new Call(this, block, events);
  }

  openStream(events: ClientStreamEvents): ClientStream {
    return this.http2.openStream(events);
  }

  cancel(stream: ClientStream): void {
    this.http2.cancel(stream);
  }

  /** Sends a PING; one at a time, else the answers cannot be told apart. */
  ping(): void {
    this.http2.ping(() => this.events.ponged?.());
  }

  /** Stops reading, so that the server has to wait, until `resume`. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Ends the connection without a word to `events`, to its calls or to the server. Safe to call twice. */
  close(): void {
    this.isClosed = true;
    this.socket.destroy();
  }

  onGoAway(code: number, text: string): void {
    this.#goneAway = { error: `goaway ${errorName(code)}`, detail: text };
  }

  /** The server has sent GOAWAY, or has done wrong. */
  onEnd(reason: string): void {
    this.socket.destroy();
    if (reason === '' && this.#goneAway !== undefined) this.over(this.#goneAway);
    else this.over({ error: 'protocol', detail: reason });
  }

  private over(end: CallEnd): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.events.closed({ ...end, wasConnected: this.isConnected });
  }
}
