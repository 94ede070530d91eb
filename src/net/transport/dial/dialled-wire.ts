import type { Socket } from 'node:net';
import type { ClientWire } from '../../http2/index.js';
import { LINGER_MS } from '../socket-wire.js';

/** A dialled socket as the client of HTTP/2 writes to it. Before it is attached nothing is written. */
export class DialledWire implements ClientWire {
  private socket: Socket | undefined;

  get backlogBytes(): number {
    return this.socket?.writableLength ?? 0;
  }

  attach(socket: Socket): void {
    this.socket = socket;
  }

  write(bytes: Buffer): void {
    const { socket } = this;
    if (socket !== undefined && !socket.destroyed && !socket.writableEnded) socket.write(bytes);
  }

  /** Ends the socket when what was written has gone, and soon in any case: the peer may not read. */
  hangUp(): void {
    const { socket } = this;
    if (socket === undefined) return;
    if (socket.writableLength === 0) {
      socket.destroy();
      return;
    }
    socket.destroySoon();
    const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
    socket.once('close', () => clearTimeout(timer));
  }
}
