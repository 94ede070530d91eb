import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';

/** Serves connections of HTTP/1.1 that a listener of another protocol has found. */
export interface Http1Door {
  /** Takes the connection, paused, and owns it from then on. */
  accept(socket: Socket): void;
  /** Cuts off what is left. Safe to call twice. */
  close(): void;
}

/** A poll comes every few seconds or more; a connection that is silent for longer is not worth keeping. */
const IDLE_MS = 30_000;

/** Loads Node's HTTP server: few agents have this door. */
export async function openHttp1Door(listener: RequestListener): Promise<Http1Door> {
  const { createServer } = await import('node:http');
  const server = createServer(listener);
  // The other limits of Node's server are those of one that listens by itself.
  server.timeout = IDLE_MS;
  const sockets = new Set<Socket>();
  let isClosed = false;
  return {
    accept(socket) {
      if (isClosed) {
        socket.destroy();
        return;
      }
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      server.emit('connection', socket);
      socket.resume();
    },
    close() {
      isClosed = true;
      for (const socket of sockets) socket.destroy();
    },
  };
}
