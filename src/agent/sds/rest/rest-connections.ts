import type { IncomingMessage, RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import type { CountedConnection, GrpcServer } from '../../../net/grpc/index.js';

/** The connections of requests, as they are counted. */
export interface RequestCounting {
  connectionOf(request: IncomingMessage): number;
  /** Counts octets more that a request makes us keep, or fewer. False when that is too much. */
  keep(request: IncomingMessage, octets: number): boolean;
}

export interface RestConnectionsOptions {
  /** Where its connections are counted: as those of the socket of gRPC, by the same limits. */
  readonly counts: Pick<GrpcServer, 'count'>;
  /** Who is at the other end of a socket; `undefined` where it is not known. */
  readonly peerOf: (socket: Socket) => Parameters<GrpcServer['count']>[0];
  /** Makes what answers the requests. */
  readonly handlerOf: (counting: RequestCounting) => RequestListener;
}

/** The connections of a `node:http` server that polls come by: counted, bounded, and with one request at a time. */
export class RestConnections {
  /** Of the server. */
  readonly listener: RequestListener;
  private readonly counts: RestConnectionsOptions['counts'];
  private readonly peerOf: RestConnectionsOptions['peerOf'];
  private readonly open = new Map<Socket, CountedConnection>();

  constructor({ counts, peerOf, handlerOf }: RestConnectionsOptions) {
    this.counts = counts;
    this.peerOf = peerOf;
    const handler = handlerOf({
      connectionOf: ({ socket }) => this.open.get(socket)?.number ?? 0,
      keep: ({ socket }, octets) => this.open.get(socket)?.keep(octets) ?? false,
    });
    this.listener = oneAtATime(handler, (socket) =>
      this.open.get(socket)?.flooded('HTTP/1.1 requests that do not wait for an answer'),
    );
  }

  /** Counts a connection of the server, or destroys one that has no place. */
  enter(socket: Socket): void {
    const counted = this.counts.count(this.peerOf(socket), () => socket.destroy());
    if (counted === undefined) {
      socket.destroy();
      return;
    }
    this.open.set(socket, counted);
    socket.once('close', () => {
      this.open.delete(socket);
      counted.left();
    });
  }

  /** Destroys all. */
  cutOff(): void {
    for (const socket of this.open.keys()) socket.destroy();
  }
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
