import type { Socket } from 'node:net';
import { Outbox } from '../http2/index.js';
import { createFramedServer, type FramedServer, type FramedServerOptions } from './framed-server.js';
import { serveUnary, type UnaryMethod } from './served-call.js';
import { SocketWire } from './socket-wire.js';

/**
 * A {@link FramedServer} for unary calls on sockets of Node.js, of TLS or not. Without a port: our own listeners hand it
 * their sockets.
 */
export interface UnaryServer extends Pick<FramedServer, 'close'> {
  /** Calls of `path`, such as `/package.Service/Method`, go to `method`, which answers or refuses each. */
  addMethod(path: string, method: UnaryMethod): void;
  /** Serves HTTP/2 on `socket`, which it owns from then on. */
  attach(socket: Socket): void;
}

export type UnaryServerOptions = FramedServerOptions;

/** Makes the server; {@link UnaryServer.close} ends it. */
export function createUnaryServer(options: UnaryServerOptions): UnaryServer {
  const server = createFramedServer(options);
  const outbox = new Outbox();
  return {
    addMethod: (path, method) => server.addMethod(path, (call) => serveUnary(call, method)),
    attach(socket) {
      if (!socket.destroyed) server.attach(new SocketWire(socket, outbox));
    },
    close: (graceMs) => server.close(graceMs),
  };
}
