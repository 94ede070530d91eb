import type { AddressInfo, Server } from 'node:net';
import { wrapError } from '../../errors/index.js';
import type { Logger, MetricRegistry } from '../../telemetry/index.js';
import { listening, watchAccepts } from './node-accept.js';
import { type Listener, listenOnPath, type SocketFileOptions } from './socket-listener.js';

export interface PlainListenerOptions {
  /**
   * An address, whose port 0 stands for any free one ({@link Listener.address} tells which); or a path and its
   * permissions.
   */
  readonly at: { readonly host: string; readonly port: number } | SocketFileOptions;
  readonly backlog: number;
  /**
   * Makes what serves the connections, of `node:net` or `node:http`: again when the socket of a path has to be put
   * back.
   */
  readonly makeServer: () => Server;
  readonly logger: Logger;
  /** Counts what happens to the file of a path. */
  readonly metrics?: MetricRegistry;
}

/**
 * Listens without TLS for what is no gRPC, with few peers: on TCP or on a Unix socket.
 * @throws IdentityError `ERR_LISTEN_FAILED`, and for a path also `ERR_SOCKET_INVALID`, `ERR_SOCKET_IN_USE`.
 */
export async function listenPlain(options: PlainListenerOptions): Promise<Listener> {
  const { at, backlog, makeServer, logger } = options;
  let server: Server | undefined;
  const listen = async (where: { path: string } | { host: string; port: number }): Promise<Server> => {
    const next = makeServer();
    await listening(next, { ...where, backlog });
    watchAccepts(next, logger);
    server?.close();
    server = next;
    return next;
  };
  const close = (): void => void server?.close();
  try {
    if ('path' in at) {
      return await listenOnPath(at, { listen: async (path) => void (await listen({ path })), close }, options);
    }
    const { host, port } = at;
    return { address: listenerAddress(await listen({ host, port })), close: async () => close() };
  } catch (error) {
    throw wrapError(
      'ERR_LISTEN_FAILED',
      `${'host' in at ? `${at.host}:${at.port}` : at.path} cannot be listened on`,
      error,
    );
  }
}

/** Where a TCP server listens, with its real port. */
export function listenerAddress(server: Server): string {
  // A TCP server that listens has an AddressInfo; a string is a Unix socket's.
  const { address, family, port } = server.address() as AddressInfo;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
