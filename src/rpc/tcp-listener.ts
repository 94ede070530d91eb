import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { wrapError } from '../errors/index.js';
import type { Logger } from '../telemetry/index.js';
import { listening, surviveAcceptErrors } from './node-accept.js';
import type { Listener } from './unix-listener.js';

export interface TcpListenerOptions {
  readonly host: string;
  /** 0 for any free port; {@link Listener.address} tells which. */
  readonly port: number;
  readonly backlog: number;
  /** Gets each connection, paused, and owns it from then on. */
  readonly onSocket: (socket: Socket) => void;
  readonly logger: Logger;
}

/**
 * Listens without TLS, for what anybody may read.
 * @throws IdentityError `ERR_LISTEN_FAILED`.
 */
export async function listenTcp({ host, port, backlog, onSocket, logger }: TcpListenerOptions): Promise<Listener> {
  const server = createServer({ pauseOnConnect: true }, onSocket);
  await listening(server, { host, port, backlog }).catch((error: unknown) => {
    throw wrapError('ERR_LISTEN_FAILED', `${host}:${port} cannot be listened on`, error);
  });
  surviveAcceptErrors(server, logger);
  return {
    address: listenerAddress(server),
    async close() {
      if (server.listening) server.close();
    },
  };
}

/** Where a TCP server listens, with its real port. */
export function listenerAddress(server: Server): string {
  // A TCP server that listens has an AddressInfo; a string is a Unix socket's.
  const { address, family, port } = server.address() as AddressInfo;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
