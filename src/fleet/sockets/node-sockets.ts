import { connect, type Socket } from 'node:net';
import { type ClientOutput, type ClientWire, Slab, SlabOutput } from '../../net/http2/index.js';
import type { FleetSocket, FleetSocketEvents, FleetSockets, SocketError } from './fleet-socket.js';

/** What libuv reads at most at once. */
const READ_BUFFER_BYTES = 65_536;

/**
 * Sockets of Node.js, which share a read buffer, for what is read is used up before the next read, and memory to write
 * in.
 */
export class NodeSockets implements FleetSockets {
  readonly readBuffer: Buffer;
  readonly slab = new Slab();

  constructor(readBufferBytes: number = READ_BUFFER_BYTES) {
    this.readBuffer = Buffer.alloc(readBufferBytes);
  }

  connect(path: string, events: FleetSocketEvents): FleetSocket {
    return new NodeSocket(path, this, events);
  }

  close(): void {}
}

class NodeSocket implements FleetSocket, ClientWire {
  readonly output: ClientOutput;
  private readonly socket: Socket;
  private isOver = false;
  private error: SocketError | undefined;

  constructor(path: string, { readBuffer, slab }: NodeSockets, events: FleetSocketEvents) {
    this.output = new SlabOutput(this, slab);
    this.socket = connect({
      path,
      onread: {
        buffer: readBuffer,
        callback: (length) => {
          if (!this.isOver) events.received(readBuffer, 0, length);
          return true;
        },
      },
    });
    this.socket.on('connect', () => events.connected());
    this.socket.on('error', ({ code = '', message }: NodeJS.ErrnoException) => {
      this.error ??= { code, message };
    });
    this.socket.on('close', () => {
      if (this.isOver) return;
      this.isOver = true;
      events.closed(this.error);
    });
  }

  get backlogBytes(): number {
    return this.socket.writableLength;
  }

  write(bytes: Buffer): void {
    if (!this.isOver) this.socket.write(bytes);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(): void {
    this.isOver = true;
    this.socket.destroy();
  }
}
