import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { wrapError } from '../errors/index.js';
import type { Logger } from '../telemetry/index.js';
import { listening, watchAccepts } from './node-accept.js';
import { claimSocketPath, publishSocket, removeSocket } from './socket-file.js';
import type { Listener } from './unix-listener.js';

export interface PlainListenerOptions {
  /** An address, whose port 0 stands for any free one ({@link Listener.address} tells which); or a path and its permissions. */
  readonly at:
    | { readonly host: string; readonly port: number }
    | {
        readonly path: string;
        readonly mode: number;
        /** Puts the socket in place of one that is served. */
        readonly takesOver?: boolean;
      };
  readonly backlog: number;
  /** Gets each connection, paused, and owns it from then on. */
  readonly onSocket: (socket: Socket) => void;
  readonly logger: Logger;
}

/**
 * Listens without TLS for what is no gRPC, with few peers: on TCP or on a Unix socket.
 * @throws IdentityError `ERR_LISTEN_FAILED`, and for a path also `ERR_SOCKET_INVALID`, `ERR_SOCKET_IN_USE`.
 */
export async function listenPlain({ at, backlog, onSocket, logger }: PlainListenerOptions): Promise<Listener> {
  const server = createServer({ pauseOnConnect: true }, onSocket);
  try {
    if ('host' in at) {
      await listening(server, { ...at, backlog });
      watchAccepts(server, logger);
      return { address: listenerAddress(server), close: async () => void closeOnce(server) };
    }
    await claimSocketPath(at.path, { takesOver: at.takesOver === true });
    const file = await publishSocket(at.path, at.mode, (path) => listening(server, { path, backlog }));
    watchAccepts(server, logger);
    return {
      address: at.path,
      async close() {
        if (closeOnce(server)) await removeSocket(at.path, file, logger);
      },
    };
  } catch (error) {
    server.close();
    throw wrapError(
      'ERR_LISTEN_FAILED',
      `${'host' in at ? `${at.host}:${at.port}` : at.path} cannot be listened on`,
      error,
    );
  }
}

/** Whether it was open. */
function closeOnce(server: Server): boolean {
  if (!server.listening) return false;
  server.close();
  return true;
}

/** Where a TCP server listens, with its real port. */
export function listenerAddress(server: Server): string {
  // A TCP server that listens has an AddressInfo; a string is a Unix socket's.
  const { address, family, port } = server.address() as AddressInfo;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
