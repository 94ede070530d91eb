import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { type NetworkPeer, Outbox, type Wire, type WireEvents, type WirePeer } from '../http2/index.js';

/** Up to this size what goes together is joined; above it copying costs more than a further piece in the write. */
const JOIN_LIMIT_BYTES = 16 * 1024;

interface HeldPiece {
  readonly bytes: Buffer;
  readonly onWritten: (() => void) | undefined;
}

/**
 * A socket of Node.js as a {@link Wire}: what there is without the addon, and for TLS. The socket may be paused. What
 * is sent in one go, the answers to several calls too, is one write: each costs a TLS record and a system call at
 * least.
 */
export class SocketWire implements Wire {
  readonly peer: WirePeer | undefined;
  readonly origin: string | undefined;
  readonly networkPeer: NetworkPeer;
  /** Not written yet: it goes out when all that is under way has been said. */
  private held: HeldPiece[] = [];
  private heldBytes = 0;

  constructor(
    private readonly socket: Socket,
    readonly outbox: Outbox,
    certificates: readonly X509Certificate[] = [],
    { peer, origin }: Pick<Wire, 'origin'> & Partial<Pick<Wire, 'peer'>> = {},
  ) {
    this.peer = peer;
    this.origin = origin;
    // Now, for a socket that has been closed has none.
    this.networkPeer = { address: socket.remoteAddress, certificates };
  }

  get address(): string | undefined {
    return this.networkPeer.address;
  }

  get backlogBytes(): number {
    return this.socket.writableLength + this.heldBytes;
  }

  start(events: WireEvents): void {
    const { socket } = this;
    // `close` follows, and tells of it.
    socket.on('error', ignore);
    socket.on('data', (bytes: Buffer) => events.received(bytes, 0, bytes.length));
    socket.on('close', () => {
      this.giveUp();
      events.closed();
    });
    // A peer that ends its half has no use for ours.
    socket.on('end', () => socket.destroy());
    socket.resume();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  send(length: number, shared?: Buffer, tail?: Buffer, onWritten?: () => void): void {
    const { socket, outbox } = this;
    if (socket.destroyed || socket.writableEnded) {
      onWritten?.();
      return;
    }
    if (this.held.length === 0) process.nextTick(writeOut, this);
    if (length > 0) this.hold(Buffer.from(outbox.bytes.subarray(0, length)));
    if (shared !== undefined) this.hold(shared, onWritten);
    if (tail !== undefined && tail.length > 0) this.hold(Buffer.from(tail));
  }

  /** Writes what is held. */
  flush(): void {
    const held = this.held;
    const heldBytes = this.heldBytes;
    this.held = [];
    this.heldBytes = 0;
    const { socket } = this;
    // Of memory that is wiped later there must be no copy.
    const isJoined = held.length > 1 && heldBytes <= JOIN_LIMIT_BYTES && !held.some(({ onWritten }) => onWritten);
    if (isJoined) {
      socket.write(
        Buffer.concat(
          held.map(({ bytes }) => bytes),
          heldBytes,
        ),
      );
      return;
    }
    socket.cork();
    for (const { bytes, onWritten } of held) socket.write(bytes, onWritten);
    socket.uncork();
  }

  end(): void {
    const { socket } = this;
    this.flush();
    socket.removeAllListeners('data');
    socket.resume();
    socket.end();
    destroyLater(socket);
  }

  destroy(): void {
    this.giveUp();
    this.socket.destroy();
  }

  private hold(bytes: Buffer, onWritten?: () => void): void {
    this.held.push({ bytes, onWritten });
    this.heldBytes += bytes.length;
  }

  private giveUp(): void {
    const held = this.held;
    this.held = [];
    this.heldBytes = 0;
    for (const { onWritten } of held) onWritten?.();
  }
}

function writeOut(wire: SocketWire): void {
  wire.flush();
}

/**
 * Takes sockets of Node.js, of TLS or not, and hands each on as a wire, if it is still there; with the certificates
 * that its peer has shown.
 */
export function wiresOf(
  onWire: (wire: Wire) => void,
): (socket: Socket, certificates?: readonly X509Certificate[]) => void {
  const outbox = new Outbox();
  return (socket, certificates) => {
    if (!socket.destroyed) onWire(new SocketWire(socket, outbox, certificates));
  };
}

/** A peer that has been told that it is over has this long to hear it. */
export const LINGER_MS = 1000;

function destroyLater(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}

function ignore(): void {}
