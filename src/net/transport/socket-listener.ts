import { Field } from '../../telemetry/index.js';
import { claimSocketPath, type FileIdentity, publishSocket, removeSocket } from './socket-file.js';
import { SocketGuard, type SocketGuardOptions } from './socket-guard.js';

/** A listener; its opener closes it. */
export interface Listener {
  /** A path, or `host:port`. */
  readonly address: string;
  /** Stops accepting; connections that were handed on live on. Safe to call twice. */
  close(): Promise<void>;
}

/** A listener that its owner looks after. */
export interface LookedAfterListener extends Listener {
  /** Looks at its path now, and puts it back when it has gone or was replaced. */
  look(): void;
}

/** The file of a Unix socket: where it is, and who may connect or replace it. */
export interface SocketFileOptions {
  /** Absolute or relative, at most 107 bytes. Its directory is made (0750) when it is missing. */
  readonly path: string;
  /** Permissions of the socket, such as `0o660`: who may connect may ask for the key. */
  readonly mode: number;
  /** The group of the socket, by its number; left out, that of the process, or of a directory that gives its own on. */
  readonly group?: number | undefined;
  /** Puts the socket in place of one that is served: the other keeps its connections, and leaves our file alone. */
  readonly takesOver?: boolean;
  /** Refuses a directory in which another user may replace the socket; else that is warned of. */
  readonly isPrivate?: boolean;
  /** The owner looks after the path: nothing watches it, and a directory that is missing is not made. */
  readonly isLookedAfter?: boolean;
}

/** What binds a path and accepts. */
export interface Acceptor {
  /** Again: closes the socket that it has listened on, with those who wait there. */
  listen(path: string): Promise<void>;
  /** Resolves without waiting for connections that were handed on. Safe before it listens. */
  close(): void;
}

/**
 * Listens on a path. Replaces a stale socket file, and puts its own back when it has gone or was replaced by another
 * user ({@link SocketGuard}); on close removes its own.
 * @throws IdentityError `ERR_SOCKET_INVALID`, `ERR_SOCKET_IN_USE`; and what the acceptor throws, which is closed then.
 */
export async function listenOnPath(
  { path, mode, group, takesOver = false, isPrivate = false, isLookedAfter = false }: SocketFileOptions,
  acceptor: Acceptor,
  { logger, metrics, every }: Pick<SocketGuardOptions, 'logger' | 'metrics' | 'every'>,
): Promise<LookedAfterListener> {
  const access = { mode, group, isLookedAfter };
  const publish = (): Promise<FileIdentity> => publishSocket(path, access, (temporary) => acceptor.listen(temporary));
  try {
    const openTo = await claimSocketPath(path, { takesOver, isPrivate, isLookedAfter });
    if (openTo !== undefined) {
      logger.warn('others may replace the socket, in a directory that is not only ours', {
        [Field.path]: path,
        [Field.reason]: openTo,
      });
    }
    const guard = new SocketGuard({ path, ours: await publish(), publish, isLookedAfter, logger, metrics, every });
    const stop = async (): Promise<void> => {
      const ours = await guard.close();
      acceptor.close();
      await removeSocket(path, ours, logger);
    };
    let closing: Promise<void> | undefined;
    return {
      address: path,
      look: () => guard.look(),
      close() {
        closing ??= stop();
        return closing;
      },
    };
  } catch (error) {
    acceptor.close();
    throw error;
  }
}
