import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { wrapError } from '../../errors/index.js';
import type { Logger } from '../../telemetry/index.js';
import { listening, watchAccepts } from './node-accept.js';
import { claimSocketPath, type FileIdentity, publishSocket, removeSocket } from './socket-file.js';
import { SocketGuard } from './socket-guard.js';
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
  let server: Server | undefined;
  const listen = async (where: { path: string } | { host: string; port: number }): Promise<Server> => {
    const next = createServer({ pauseOnConnect: true }, onSocket);
    await listening(next, { ...where, backlog });
    watchAccepts(next, logger);
    server?.close();
    server = next;
    return next;
  };
  try {
    if ('host' in at) {
      const { host, port } = at;
      return { address: listenerAddress(await listen({ host, port })), close: async () => void server?.close() };
    }
    return await listenOnPath(at, (path) => listen({ path }), { close: () => server?.close(), logger });
  } catch (error) {
    server?.close();
    throw wrapError(
      'ERR_LISTEN_FAILED',
      `${'host' in at ? `${at.host}:${at.port}` : at.path} cannot be listened on`,
      error,
    );
  }
}

async function listenOnPath(
  { path, mode, takesOver = false }: Extract<PlainListenerOptions['at'], { path: string }>,
  listen: (path: string) => Promise<unknown>,
  { close, logger }: { close: () => void; logger: Logger },
): Promise<Listener> {
  await claimSocketPath(path, { takesOver });
  const publish = (): Promise<FileIdentity> =>
    publishSocket(path, mode, async (temporary) => void (await listen(temporary)));
  const guard = new SocketGuard({ path, ours: await publish(), publish, logger });
  let closing: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    const ours = await guard.close();
    close();
    await removeSocket(path, ours, logger);
  };
  return {
    address: path,
    close() {
      closing ??= stop();
      return closing;
    },
  };
}

/** Where a TCP server listens, with its real port. */
export function listenerAddress(server: Server): string {
  // A TCP server that listens has an AddressInfo; a string is a Unix socket's.
  const { address, family, port } = server.address() as AddressInfo;
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
