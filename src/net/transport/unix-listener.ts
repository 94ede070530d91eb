import { createServer, type Server } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { openSocketHub, type SocketHub } from '../../system/platform/index.js';
import { pathError } from '../../system/small-files/index.js';
import { Field, type Logger, type MetricRegistry } from '../../telemetry/index.js';
import { Outbox, type Wire } from '../http2/index.js';
import { HubWire } from './hub-wire.js';
import { listening, watchAccepts } from './node-accept.js';
import { claimSocketPath, type FileIdentity, publishSocket, removeSocket } from './socket-file.js';
import { SocketGuard } from './socket-guard.js';
import { SocketQueue } from './socket-queue.js';
import { SocketWire } from './socket-wire.js';

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
  /** Who serves the sockets: the addon, which also tells who the peers are, where it is at hand; or Node.js. */
  readonly via: 'addon' | 'node';
  /** Puts the socket in place of one that is served: whoever does so keeps its connections, and leaves our file alone. */
  readonly takesOver?: boolean;
  /** Refuses a directory in which another user may replace the socket; else that is warned of. */
  readonly isPrivate?: boolean;
  /** Gets each connection, and owns it from then on. */
  readonly onWire: (wire: Wire) => void;
  readonly logger: Logger;
  /** Counts what happens to the socket's file. */
  readonly metrics?: MetricRegistry | undefined;
}

/** What binds a path and accepts. */
interface Acceptor {
  /** Again: closes the socket that it has listened on, with those who wait there. */
  listen(path: string, backlog: number): Promise<void>;
  /** Not awaited by anybody: connections that were handed on are not ours. Safe before it listens. */
  close(): void;
}

/**
 * Listens on a Unix socket, however many peers connect at once. Replaces a stale socket file, and puts its own back when it has
 * gone or was replaced by another user ({@link SocketGuard}); on close removes its own.
 * @throws IdentityError `ERR_SOCKET_INVALID`, `ERR_SOCKET_IN_USE`, `ERR_LISTEN_FAILED`.
 */
export async function listenUnix(options: UnixListenerOptions): Promise<Listener> {
  const { path, mode, backlog, takesOver = false, isPrivate = false, logger, metrics } = options;
  const acceptor = (options.via === 'addon' ? hubAcceptor(options) : undefined) ?? nodeAcceptor(options);
  try {
    const openTo = await claimSocketPath(path, { takesOver, isPrivate });
    if (openTo !== undefined) {
      logger.warn('others may replace the socket, in a directory that is not only ours', {
        [Field.path]: path,
        [Field.reason]: openTo,
      });
    }
    const publish = (): Promise<FileIdentity> =>
      publishSocket(path, mode, (temporaryPath) => acceptor.listen(temporaryPath, backlog));
    const guard = new SocketGuard({ path, ours: await publish(), publish, logger, metrics });
    const stop = async (): Promise<void> => {
      const ours = await guard.close();
      acceptor.close();
      await removeSocket(path, ours, logger);
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
    acceptor.close();
    throw pathError('ERR_LISTEN_FAILED', `socket ${path}`, error, 'a path to listen on');
  }
}

function nodeAcceptor({ onWire, logger }: UnixListenerOptions): Acceptor {
  const outbox = new Outbox();
  const queue = new SocketQueue((socket) => onWire(new SocketWire(socket, outbox)), logger);
  let server: Server | undefined;
  return {
    async listen(path, backlog) {
      const next = createServer({ pauseOnConnect: true }, (socket) => queue.push(socket));
      await listening(next, { path, backlog });
      watchAccepts(next, logger);
      server?.close();
      server = next;
    },
    close() {
      server?.close();
      queue.clear();
    },
  };
}

/** How long nothing is accepted after an accept that failed: descriptors do not come back within a turn of the loop. */
const ACCEPT_PAUSE_MS = 100;

/** `undefined` where there is no addon, or no such thing on this system. */
function hubAcceptor({ onWire, logger }: UnixListenerOptions): Acceptor | undefined {
  const outbox = new Outbox();
  const wires: (HubWire | undefined)[] = [];
  let open = 0;
  let isClosed = false;
  let isFailing = false;
  const onGone = (slot: number): void => {
    wires[slot] = undefined;
    open -= 1;
    closeWhenDone();
  };
  const answer = openSocketHub(outbox.bytes, {
    accepted(slot, peer) {
      isFailing = false;
      const wire = new HubWire({ hub: theHub(), slot, onGone }, outbox, peer);
      wires[slot] = wire;
      open += 1;
      try {
        onWire(wire);
      } catch (error) {
        logger.error('connection could not be attached', { [Field.error]: String(error) });
        wire.destroy();
      }
    },
    received: (slot, start, end) => wires[slot]?.received(start, end),
    ended: (slot) => wires[slot]?.destroy(),
    writable: (slot) => wires[slot]?.writable(),
    acceptFailed(errno) {
      // Said once until an accept succeeds again.
      if (!isFailing) logger.error('connection could not be accepted', { [Field.error]: getSystemErrorName(-errno) });
      isFailing = true;
      setTimeout(() => theHub().resumeAccepting(), ACCEPT_PAUSE_MS);
    },
  });
  if (answer.kind === 'unavailable') return undefined;
  const theHub = (): SocketHub => answer.hub;
  const closeWhenDone = (): void => {
    if (isClosed && open === 0) theHub().close();
  };
  return {
    async listen(path, backlog) {
      theHub().listen(path, backlog);
    },
    close() {
      isClosed = true;
      theHub().stopListening();
      closeWhenDone();
    },
  };
}
