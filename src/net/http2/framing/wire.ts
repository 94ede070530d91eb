import type { X509Certificate } from 'node:crypto';

/** The process at the other end, as the kernel knows it. */
export interface WirePeer {
  readonly uid: number;
  readonly gid: number;
  /** As it was at the connect; 0 for a process of another pid namespace. */
  readonly pid: number;
}

/** Who is at the other end of a connection over a network. */
export interface NetworkPeer {
  readonly address: string | undefined;
  /** The certificates that it has shown in its handshake, the leaf first; empty without TLS, or without any. */
  readonly certificates: readonly X509Certificate[];
}

/** What a {@link Wire} tells its handler. All are called from the event loop, none after `closed`. */
export interface WireEvents {
  /** What has come: `bytes` from `start` to `end`, valid during the call alone. */
  received(bytes: Buffer, start: number, end: number): void;
  /** The connection is over, ended by either side. Called once. */
  closed(): void;
}

/**
 * One accepted connection, as bytes. Two kinds fulfil it: sockets of Node.js, and those of the addon, which take no
 * object and no buffer for a message.
 */
export interface Wire {
  /** Who is there; `undefined` where it is not known. */
  readonly peer: WirePeer | undefined;
  /** The IP address of the other end; `undefined` on a Unix socket. */
  readonly address?: string | undefined;
  /** `undefined` on a Unix socket. */
  readonly networkPeer?: NetworkPeer | undefined;
  /** Of one of several listeners: which of them; `undefined` of the only one. */
  readonly origin?: string | undefined;
  /** What all wires of a listener write their small things into, before they `send` it. */
  readonly outbox: Outbox;
  /** Bytes that were sent and did not fit into the kernel's buffer: the peer does not read. */
  readonly backlogBytes: number;
  /** Begins to read; called once, before all else. */
  start(events: WireEvents): void;
  /** Reads no further until `resume`; what is under way may still come. */
  pause(): void;
  resume(): void;
  /**
   * Sends what lies in the outbox, its first `length` bytes, then `shared` and `tail`; of `tail` a copy is kept if need
   * be. `onWritten` is called once, when the memory of `shared` is no longer needed: as a rule before the event loop
   * turns, and also when the wire is closed first.
   */
  send(length: number, shared?: Buffer, tail?: Buffer, onWritten?: () => void): void;
  /** Ends the connection when all that was sent has gone; what comes until then is thrown away. */
  end(): void;
  /** Ends it now. Safe to call twice. */
  destroy(): void;
}

/** One that has put something into the outbox. */
export interface OutboxOwner {
  /** Sends it, for another needs the room. */
  flush(): void;
}

/** Above the frames that one read can bring about, and what begins a message. Full, it is sent. */
const DEFAULT_OUTBOX_BYTES = 16 * 1024;

/**
 * Where frames are written before they are sent: one for all connections of a listener, since all writing is done
 * within a call. One connection has it at a time; who comes next makes it send first.
 */
export class Outbox {
  readonly bytes: Buffer;
  private used = 0;
  private owner: OutboxOwner | undefined;

  constructor(size: number = DEFAULT_OUTBOX_BYTES) {
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  /** Makes `owner` the only one that writes, and gives the place for `size` more bytes of it in {@link bytes}. */
  claim(owner: OutboxOwner, size: number): number {
    if (this.owner !== owner) {
      if (this.used > 0) this.owner?.flush();
      this.owner = owner;
    } else if (this.used + size > this.bytes.length) {
      owner.flush();
    }
    const at = this.used;
    this.used += size;
    return at;
  }

  /** How much there is to send; it is empty from then on. */
  take(): number {
    const { used } = this;
    this.used = 0;
    return used;
  }
}
