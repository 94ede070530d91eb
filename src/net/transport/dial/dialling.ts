import type { Socket } from 'node:net';

export interface DialEvents<S extends Socket = Socket> {
  /**
   * The peer is there, verified where it is one to be verified, and speaks HTTP/2. The socket is the listener's from
   * now on.
   */
  onConnected(socket: S): void;
  /** Neither will follow. */
  onFailed(failure: DialFailure): void;
}

/** Why there is no connection. */
export interface DialFailure {
  readonly reason: string;
  /** The peer was reached at each of its addresses, and its certificate was refused. */
  readonly isUnverified: boolean;
}

/** A dial under way. */
export interface Dialling {
  /** Gives it up; nothing is told afterwards. Safe to call twice, and when it is over. */
  cancel(): void;
}
