import type { Socket } from 'node:net';
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { Field, type Logger } from '../telemetry/index.js';
import { Connections } from './connections.js';

/**
 * A gRPC server without a port: our own listeners hand it their sockets. grpc-js would listen by itself, but with a
 * backlog of 511, without permissions, and without telling one connection from another.
 */
export interface GrpcServer {
  addService(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void;
  /** Serves HTTP/2 on `socket`, which it owns from then on, and gives the connection a number: {@link connectionOf}. */
  attach(socket: Socket): void;
  /**
   * Ends all connections: GOAWAY at once, each connection closed when its last call has ended, whatever is left after `graceMs` cut off.
   * Resolves when nothing is left. Close the listeners first (a socket attached later is destroyed), and end your own long
   * streams with OK, or this waits the whole grace time. Safe to call twice.
   */
  close(graceMs: number): Promise<void>;
}

export interface GrpcServerOptions {
  readonly logger: Logger;
  /** A larger message ends its call with RESOURCE_EXHAUSTED. */
  readonly maxReceiveBytes: number;
  /** Per connection; no limit when left out. */
  readonly maxConcurrentStreams?: number;
}

/** Makes the server; {@link GrpcServer.close} ends it. */
export function createGrpcServer({ logger, maxReceiveBytes, maxConcurrentStreams }: GrpcServerOptions): GrpcServer {
  const server = new Server({
    // Channelz keeps a record per connection and per call, and nobody can ask for it.
    'grpc.enable_channelz': 0,
    'grpc.max_receive_message_length': maxReceiveBytes,
    ...(maxConcurrentStreams === undefined ? {} : { 'grpc.max_concurrent_streams': maxConcurrentStreams }),
  });
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const connections = new Connections();
  let connectionCount = 0;
  let closing: Promise<void> | undefined;
  return {
    addService(definition, implementation) {
      server.addService(definition, implementation);
    },
    attach(socket) {
      if (closing !== undefined || socket.destroyed) {
        socket.destroy();
        return;
      }
      connectionCount += 1;
      Object.defineProperty(socket, 'remoteAddress', { value: `connection-${connectionCount}` });
      connections.add(socket);
      // A socket accepted as paused has no read under way, and the HTTP/2 session waits for one without starting it.
      // Nothing is lost in between: bytes come with the next turn of the loop, when the session owns the socket.
      socket.read(0);
      injector.injectConnection(socket);
    },
    close(graceMs) {
      closing ??= (async () => {
        // Its callback cannot be relied on: it waits for calls without bound. The sockets say when all is over.
        server.tryShutdown(() => {});
        const forced = await connections.drained(graceMs);
        if (forced > 0) logger.warn('connections cut off at shutdown', { [Field.connections]: forced });
      })();
      return closing;
    },
  };
}

/**
 * The number of the connection that `call` came by: counted from 1, unique in its {@link GrpcServer}, 0 when unknown.
 * grpc-js lets a call see nothing of its socket but the peer's address, which a Unix socket does not have: so we put it there.
 */
export function connectionOf(call: { getPeer(): string }): number {
  return Number(/^connection-(\d+)/.exec(call.getPeer())?.[1] ?? 0);
}
