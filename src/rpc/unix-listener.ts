import { createServer, type Server, type Socket } from 'node:net';
import { wrapError } from '../errors/index.js';
import { Field, type Logger } from '../telemetry/index.js';
import { claimSocketPath, publishSocket, removeSocket } from './socket-file.js';
import { SocketQueue } from './socket-queue.js';

/** A listener that we own; whoever opened it closes it. */
export interface Listener {
  /** A path, or `host:port`. */
  readonly address: string;
  /** Stops accepting; connections that were handed on live on. Safe to call twice. */
  close(): Promise<void>;
}

export interface UnixListenerOptions {
  /** Absolute or relative, at most 107 bytes. Its directory is made (0750) when it is missing. */
  readonly path: string;
  /** Permissions of the socket, such as `0o660`: who may connect may ask for the key. */
  readonly mode: number;
  /** Connects that the kernel queues for us; above it (or above `net.core.somaxconn`) they are refused at once. */
  readonly backlog: number;
  /** Gets each connection, paused, and owns it from then on. */
  readonly onSocket: (socket: Socket) => void;
  readonly logger: Logger;
}

/**
 * Listens on a Unix socket, however many peers connect at once. Replaces a stale socket file; on close removes its own.
 * @throws IdentityError `ERR_SOCKET_INVALID`, `ERR_SOCKET_IN_USE`, `ERR_LISTEN_FAILED`.
 */
export async function listenUnix({ path, mode, backlog, onSocket, logger }: UnixListenerOptions): Promise<Listener> {
  const queue = new SocketQueue(onSocket, logger);
  const server = createServer({ pauseOnConnect: true }, (socket) => queue.push(socket));
  try {
    const { isOpenToAll } = await claimSocketPath(path);
    if (isOpenToAll)
      logger.warn('everybody may replace the socket: its directory is world-writable', { [Field.path]: path });
    const file = await publishSocket(path, mode, (temporaryPath) =>
      listening(server, { path: temporaryPath, backlog }),
    );
    surviveAcceptErrors(server, logger);
    const stop = async (): Promise<void> => {
      // Not awaited: the callback of close comes only when the last connection has ended, and those are not ours.
      server.close();
      queue.clear();
      await removeSocket(path, file);
    };
    let closing: Promise<void> | undefined;
    return {
      address: path,
      close() {
        closing ??= stop();
        return closing;
      },
    };
  } catch (error) {
    server.close();
    throw wrapError('ERR_LISTEN_FAILED', `socket ${path} cannot be listened on`, error);
  }
}

/** Resolves when `server` listens; rejects with the reason why it cannot. */
export function listening(
  server: Server,
  where: { path: string; backlog: number } | { host: string; port: number; backlog: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/**
 * An accept that fails (EMFILE, ENFILE, ENOBUFS) is an `error` event of the server, which would end the process if nobody heard it.
 * Said once until an accept succeeds again: the same peer comes back within milliseconds.
 */
export function surviveAcceptErrors(server: Server, logger: Logger): void {
  let isFailing = false;
  server.on('error', (error) => {
    if (!isFailing) logger.error('connection could not be accepted', { [Field.error]: error.message });
    isFailing = true;
  });
  server.on('connection', () => {
    isFailing = false;
  });
}
