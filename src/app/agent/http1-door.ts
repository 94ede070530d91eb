import type { IncomingMessage, RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import type { KeepOctets } from '../../net/grpc/index.js';

/** Serves connections of HTTP/1.1 that a listener of another protocol has found. */
export interface Http1Door {
  /** Takes the connection, paused, and owns it from then on. `onFlood` is called when it is ended for requests that it pipelines. */
  accept(socket: Socket, keep: KeepOctets, onFlood: () => void): void;
  /** Cuts off what is left. Safe to call twice. */
  close(): void;
}

/** Counts what a request makes us keep, for the connection that it came by. */
export type KeepForRequest = (request: IncomingMessage, octets: number) => boolean;

/** A poll comes every few seconds or more; a connection that is silent for longer is not worth keeping. */
const IDLE_MS = 30_000;

/** The head of a request comes at once; one that trickles does not hold its connection for longer. */
const HEAD_MS = 30_000;

/**
 * Ends a connection that asks again before it is answered. Neither Envoy nor curl pipelines, and the requests of one read, a thousand
 * of them, would all be worked on in one turn of the event loop. (RFC 9112 §9.3.2: a client must expect that)
 */
function oneAtATime(listener: RequestListener, onFlood: (socket: Socket) => void): RequestListener {
  const unanswered = new WeakSet<Socket>();
  return (request, response) => {
    const { socket } = request;
    // Node's parser goes on to the end of what it has read, whatever becomes of the connection.
    if (socket.destroyed) return;
    if (unanswered.has(socket)) {
      onFlood(socket);
      socket.destroy();
      return;
    }
    unanswered.add(socket);
    response.once('finish', () => unanswered.delete(socket));
    listener(request, response);
  };
}

/** Loads Node's HTTP server: few agents have this door. `listenerOf` makes what answers the requests. */
export async function openHttp1Door(listenerOf: (keep: KeepForRequest) => RequestListener): Promise<Http1Door> {
  const { createServer } = await import('node:http');
  const keepers = new WeakMap<object, KeepOctets>();
  const floods = new WeakMap<object, () => void>();
  const listener = listenerOf(({ socket }, octets) => keepers.get(socket)?.(octets) ?? true);
  // The limits of Node's server are those of one that listens by itself, but for the timeout.
  const server = createServer(oneAtATime(listener, (socket) => floods.get(socket)?.()));
  server.timeout = IDLE_MS;
  const heads = new Map<Socket, NodeJS.Timeout>();
  const awaitHead = (socket: Socket): void => {
    clearTimeout(heads.get(socket));
    heads.set(socket, setTimeout(() => socket.destroy(), HEAD_MS).unref());
  };
  server.on('request', ({ socket }, response) => {
    clearTimeout(heads.get(socket));
    response.once('close', () => {
      if (heads.has(socket)) awaitHead(socket);
    });
  });
  let isClosed = false;
  return {
    accept(socket, keep, onFlood) {
      if (isClosed) {
        socket.destroy();
        return;
      }
      keepers.set(socket, keep);
      floods.set(socket, onFlood);
      awaitHead(socket);
      socket.once('close', () => {
        clearTimeout(heads.get(socket));
        heads.delete(socket);
      });
      server.emit('connection', socket);
      socket.resume();
    },
    close() {
      isClosed = true;
      for (const socket of heads.keys()) socket.destroy();
    },
  };
}
