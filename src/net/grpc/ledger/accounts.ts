/**
 * What one peer makes us hold, over all of its connections. A peer is a process on a Unix socket and an address on TCP
 * (`peerKey`); where neither is known, each connection is a peer of its own. Numbers in plain fields: they change
 * with every call.
 */
export class PeerAccount {
  connections = 0;
  /** Octets. */
  bytes = 0;
  calls = 0;
  /** The same three of those of its connections that have not proven anything. */
  unprovenConnections = 0;
  unprovenBytes = 0;
  unprovenCalls = 0;

  constructor(
    /** By what the ledger finds it. */
    readonly key: string | number,
    readonly uid: number | undefined,
  ) {}
}

/** What can be ended to make room. */
export interface Holder {
  /** Ends the connection at once: its peer is told that it asked for too much, or was idle for longest. */
  drop(reason: string): void;
}

/** What one connection makes us hold. */
export class ConnectionAccount {
  /** Octets, from the first of a frame to the end of the last stream. */
  bytes = 0;
  /** Open, of whatever method. */
  calls = 0;
  /** The connection is over: what it held has been given back, and it gets no more. */
  isClosed = false;
  /** Its peer has shown that it may be served: by a token that was accepted, or by an ACK of a secret. */
  isProven = false;
  /** A try of its peer's is kept for it: see {@link PeerLedger.reserveTry}. */
  hasTry = false;
  /** Its place in the order of what peers did ({@link PeerLedger.tick}): the lowest has been idle for longest. */
  lastSeen = 0;
  /** When its last call ended, or it began; on the clock of the ledger. */
  idleSinceMs: number;
  /** Set by the owner of the connection as soon as there is one. */
  holder: Holder | undefined;

  constructor(
    /** Counted from 1, for logs. */
    readonly number: number,
    readonly peer: PeerAccount,
    nowMs: number,
  ) {
    this.idleSinceMs = nowMs;
  }
}
