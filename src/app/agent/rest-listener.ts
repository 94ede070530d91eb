import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { CountedConnection, GrpcServer } from '../../net/grpc/index.js';
import { type Listener, listenPlain, unixPeer } from '../../net/transport/index.js';

/**
 * A request comes at once; one that trickles does not hold its connection for longer. So does one that waits for the
 * next poll.
 */
const LIMIT_MS = 30_000;

/** What Node.js holds connections to by itself: looked at as often as those of the other socket. */
const SERVER_OPTIONS = {
  headersTimeout: LIMIT_MS,
  requestTimeout: LIMIT_MS,
  keepAliveTimeout: LIMIT_MS,
  connectionsCheckingInterval: 5000,
  maxHeaderSize: 16 * 1024,
};

/** The connections of requests, as they are counted. */
export interface RequestCounting {
  connectionOf(request: IncomingMessage): number;
  /** Counts octets more that a request makes us keep, or fewer. False when that is too much. */
  keep(request: IncomingMessage, octets: number): boolean;
}

export interface RestListenerOptions extends Omit<Parameters<typeof listenPlain>[0], 'makeServer'> {
  /** Where its connections are counted: as those of the socket of gRPC, by the same limits. */
  readonly counts: Pick<GrpcServer, 'count'>;
  /** Whether the kernel is asked who peers are. */
  readonly knowsPeers: boolean;
  /** Makes what answers the requests. */
  readonly handlerOf: (counting: RequestCounting) => RequestListener;
}

/** Serves HTTP/1.1 on a Unix socket. Closing it cuts off what is left. @throws as {@link listenPlain}. */
export async function listenForPolls(options: RestListenerOptions): Promise<Listener> {
  const { counts, knowsPeers, handlerOf } = options;
  const open = new Map<Socket, CountedConnection>();
  const enter = (socket: Socket): void => {
    const counted = counts.count(knowsPeers ? unixPeer(socket) : undefined, () => socket.destroy());
    if (counted === undefined) {
      socket.destroy();
      return;
    }
    open.set(socket, counted);
    socket.once('close', () => {
      open.delete(socket);
      counted.left();
    });
  };
  const handler = oneAtATime(
    handlerOf({
      connectionOf: ({ socket }) => open.get(socket)?.number ?? 0,
      keep: ({ socket }, octets) => open.get(socket)?.keep(octets) ?? false,
    }),
    (socket) => open.get(socket)?.flooded('HTTP/1.1 requests that do not wait for an answer'),
  );
  const makeServer = (): Server => {
    const server = createServer(SERVER_OPTIONS, handler).on('connection', enter);
    // Also for an answer that is not read.
    server.timeout = LIMIT_MS;
    return server;
  };
  const listener = await listenPlain({ ...options, makeServer });
  return {
    address: listener.address,
    async close() {
      await listener.close();
      for (const socket of open.keys()) socket.destroy();
    },
  };
}

/**
 * Ends a connection that asks again before it is answered. Neither Envoy nor curl pipelines, and the requests of one
 * read, a thousand of them, would all be worked on in one turn of the event loop. (RFC 9112 §9.3.2: a client must
 * expect that)
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
