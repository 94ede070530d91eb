import { createServer, type Server, type Socket } from 'node:net';
import { pathError } from '../../system/small-files/index.js';
import type { Logger, MetricRegistry } from '../../telemetry/index.js';
import { Outbox, type Wire } from '../http2/index.js';
import { listening } from './node-accept.js';
import { type LookedAfterListener, listenOnPath, type SocketFileOptions } from './socket-listener.js';
import { SocketQueue } from './socket-queue.js';
import { SocketWire } from './socket-wire.js';
import { unixPeer } from './unix-peer.js';

export interface UnixListenersOptions {
  /** Of each socket: connects that the kernel queues for us. */
  readonly backlog: number;
  /** Whether the kernel is asked who peers are. */
  readonly knowsPeers: boolean;
  /** Gets each connection, with the `origin` of its socket, and owns it from then on. */
  readonly onWire: (wire: Wire) => void;
  readonly logger: Logger;
  /** Counts what happens to the files of the sockets. */
  readonly metrics: MetricRegistry;
}

/**
 * Unix sockets by the thousand, with a few connections each. None has a timer or a watch of its own: who opens them
 * looks after them. Served by Node.js, with an object for each; the addon is for one socket with thousands of
 * connections.
 */
export class UnixListeners {
  private readonly queue: SocketQueue;
  private readonly origins = new WeakMap<Socket, string>();

  constructor(private readonly options: UnixListenersOptions) {
    const { onWire, knowsPeers, logger } = options;
    const outbox = new Outbox();
    this.queue = new SocketQueue((socket) => {
      const peer = knowsPeers ? unixPeer(socket) : undefined;
      onWire(new SocketWire(socket, outbox, [], { peer, origin: this.origins.get(socket) }));
    }, logger);
  }

  /**
   * Listens at the path of `file`, in a directory that is there. Its connections bear `origin`.
   * @throws IdentityError `ERR_SOCKET_INVALID`, `ERR_SOCKET_IN_USE`, `ERR_LISTEN_FAILED`.
   */
  async open(origin: string, file: SocketFileOptions): Promise<LookedAfterListener> {
    const { backlog, logger, metrics } = this.options;
    let server: Server | undefined;
    const acceptor = {
      listen: async (path: string): Promise<void> => {
        const next = createServer({ pauseOnConnect: true }, (socket) => {
          this.origins.set(socket, origin);
          this.queue.push(socket);
        });
        await listening(next, { path, backlog });
        // Without a listener an error of accept would end the process; the next connect comes to the same.
        next.on('error', () => {});
        server?.close();
        server = next;
      },
      close: (): void => void server?.close(),
    };
    try {
      return await listenOnPath({ ...file, isLookedAfter: true }, acceptor, { logger, metrics });
    } catch (error) {
      throw pathError('ERR_LISTEN_FAILED', `socket ${file.path}`, error, 'a path to listen on');
    }
  }

  /** Destroys connections that were not handed on yet. Close the sockets first. */
  close(): void {
    this.queue.clear();
  }
}
