import type { Socket } from 'node:net';
import { Outbox, type Wire, type WireEvents } from '../http2/index.js';

/** A socket of Node.js as a {@link Wire}: what there is without the addon, and for TLS. The socket may be paused. */
export class SocketWire implements Wire {
  readonly peer = undefined;

  constructor(
    private readonly socket: Socket,
    readonly outbox: Outbox,
  ) {}

  get backlogBytes(): number {
    return this.socket.writableLength;
  }

  start(events: WireEvents): void {
    const { socket } = this;
    // `close` follows, and tells of it.
    socket.on('error', ignore);
    socket.on('data', (bytes: Buffer) => events.received(bytes, 0, bytes.length));
    socket.on('close', () => events.closed());
    // A peer that ends its half has no use for ours.
    socket.on('end', () => socket.destroy());
    socket.resume();
  }

  send(length: number, shared?: Buffer, tail?: Buffer, onWritten?: () => void): void {
    const { socket, outbox } = this;
    if (socket.destroyed || socket.writableEnded) {
      onWritten?.();
      return;
    }
    socket.cork();
    if (length > 0) socket.write(Buffer.from(outbox.bytes.subarray(0, length)));
    if (shared !== undefined) socket.write(shared, onWritten);
    if (tail !== undefined && tail.length > 0) socket.write(tail);
    socket.uncork();
  }

  end(): void {
    const { socket } = this;
    socket.removeAllListeners('data');
    socket.resume();
    socket.end();
    destroyLater(socket);
  }

  destroy(): void {
    this.socket.destroy();
  }

  detach(unread: Buffer): Socket {
    const { socket } = this;
    for (const event of ['data', 'close', 'end'] as const) socket.removeAllListeners(event);
    socket.pause();
    socket.unshift(unread);
    return socket;
  }
}

/** Takes sockets of Node.js, of TLS or not, and hands each on as a wire, if it is still there. */
export function wiresOf(onWire: (wire: Wire) => void): (socket: Socket) => void {
  const outbox = new Outbox();
  return (socket) => {
    if (!socket.destroyed) onWire(new SocketWire(socket, outbox));
  };
}

/** A peer that has been told that it is over has this long to hear it. */
export const LINGER_MS = 1000;

function destroyLater(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}

function ignore(): void {}
