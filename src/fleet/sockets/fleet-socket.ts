import type { ClientOutput } from '../../net/http2/index.js';

/** What a {@link FleetSocket} tells; all from the event loop, nothing after its `destroy`. */
export interface FleetSocketEvents {
  /** Called first. */
  connected(): void;
  /** What has come: `bytes` from `start` to `end`, valid during the call alone. */
  received(bytes: Buffer, start: number, end: number): void;
  /** It is over. Called once, and last; `error` is missing when the server ended it in order. */
  closed(error: SocketError | undefined): void;
}

export interface SocketError {
  /** An errno name, such as `ECONNREFUSED`. */
  readonly code: string;
  /** For people. */
  readonly message: string;
}

/** A client's Unix socket. */
export interface FleetSocket {
  /** What is written in one turn of the event loop travels together. */
  readonly output: ClientOutput;
  /** Stops reading, so that the server has to wait, until `resume`. */
  pause(): void;
  resume(): void;
  /** Ends it without a word. Safe to call twice. */
  destroy(): void;
}

/** Where sockets come from: the addon, which takes no object of Node.js for one, or Node.js. */
export interface FleetSockets {
  connect(path: string, events: FleetSocketEvents): FleetSocket;
  /** Once they are all over. Safe to call twice. */
  close(): void;
}
