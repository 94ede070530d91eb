import { connect, type Socket } from 'node:net';
import type { FleetSocket, FleetSocketEvents, FleetSockets, SocketError } from './fleet-socket.js';

/** What libuv reads at most at once. */
const READ_BUFFER_BYTES = 65_536;

/** Writes that go together are joined up to this size; above it copying costs more than a second buffer in the write. */
const JOIN_LIMIT_BYTES = 4096;

/** Sockets of Node.js, which share a read buffer: what is read is used up before the next read. */
export class NodeSockets implements FleetSockets {
  private readonly readBuffer: Buffer;

  constructor(readBufferBytes: number = READ_BUFFER_BYTES) {
    this.readBuffer = Buffer.alloc(readBufferBytes);
  }

  connect(path: string, events: FleetSocketEvents): FleetSocket {
    return new NodeSocket(path, this.readBuffer, events);
  }

  close(): void {}
}

class NodeSocket implements FleetSocket {
  private readonly socket: Socket;
  private readonly held: Buffer[] = [];
  private isCorked = false;
  private isOver = false;
  private error: SocketError | undefined;

  constructor(path: string, readBuffer: Buffer, events: FleetSocketEvents) {
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

  write(bytes: Buffer): void {
    if (this.isCorked) this.held.push(bytes);
    else this.socket.write(bytes);
  }

  cork(): void {
    this.isCorked = true;
  }

  uncork(): void {
    this.isCorked = false;
    const held = this.held.splice(0);
    const [first] = held;
    if (first === undefined || this.isOver) return;
    if (held.length === 1) {
      this.socket.write(first);
    } else if (held.reduce((sum, part) => sum + part.length, 0) <= JOIN_LIMIT_BYTES) {
      this.socket.write(Buffer.concat(held));
    } else {
      this.socket.cork();
      for (const part of held) this.socket.write(part);
      this.socket.uncork();
    }
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
