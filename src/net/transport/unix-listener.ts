import { createServer, type Server } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { openSocketHub, type SocketHub } from '../../system/platform/index.js';
import { pathError } from '../../system/small-files/index.js';
import { Field, type Logger, type MetricRegistry, RateLimitedLogger } from '../../telemetry/index.js';
import type { Every } from '../../timers/index.js';
import { Outbox, type Wire } from '../http2/index.js';
import { HubWire } from './hub-wire.js';
import { listening, watchAccepts } from './node-accept.js';
import { type Acceptor, type Listener, listenOnPath, type SocketFileOptions } from './socket-listener.js';
import { SocketQueue } from './socket-queue.js';
import { SocketWire } from './socket-wire.js';

export interface UnixListenerOptions extends SocketFileOptions {
  /** Connects that the kernel queues for us; above it (or above `net.core.somaxconn`) they are refused at once. */
  readonly backlog: number;
  /** Who serves the sockets: the addon, which also tells who the peers are, where it is at hand; or Node.js. */
  readonly via: 'addon' | 'node';
  /** Gets each connection, and owns it from then on. */
  readonly onWire: (wire: Wire) => void;
  readonly logger: Logger;
  /** Counts what happens to the socket's file. */
  readonly metrics?: MetricRegistry | undefined;
  /** When it is checked that the file is there, though the kernel has told of no change. */
  readonly every?: Every | undefined;
}

/**
 * Listens on a Unix socket, however many peers connect at once.
 * @throws IdentityError `ERR_SOCKET_INVALID`, `ERR_SOCKET_IN_USE`, `ERR_LISTEN_FAILED`.
 */
export async function listenUnix(options: UnixListenerOptions): Promise<Listener> {
  const acceptor = (options.via === 'addon' ? hubAcceptor(options) : undefined) ?? nodeAcceptor(options);
  try {
    return await listenOnPath(options, acceptor, options);
  } catch (error) {
    throw pathError('ERR_LISTEN_FAILED', `socket ${options.path}`, error, 'a path to listen on');
  }
}

function nodeAcceptor({ onWire, backlog, logger }: UnixListenerOptions): Acceptor {
  const outbox = new Outbox();
  const queue = new SocketQueue((socket) => onWire(new SocketWire(socket, outbox)), logger);
  let server: Server | undefined;
  return {
    async listen(path) {
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
function hubAcceptor({ onWire, backlog, logger }: UnixListenerOptions): Acceptor | undefined {
  const outbox = new Outbox();
  const wires: (HubWire | undefined)[] = [];
  let open = 0;
  let isClosed = false;
  const log = new RateLimitedLogger(logger);
  const onGone = (slot: number): void => {
    wires[slot] = undefined;
    open -= 1;
    closeWhenDone();
  };
  const answer = openSocketHub(outbox.bytes, {
    accepted(slot, peer) {
      const wire = new HubWire({ hub: theHub(), slot, onGone }, outbox, peer);
      wires[slot] = wire;
      open += 1;
      try {
        onWire(wire);
      } catch (error) {
        log.error('connection could not be attached', { [Field.error]: String(error) });
        wire.destroy();
      }
    },
    received: (slot, start, end) => wires[slot]?.received(start, end),
    ended: (slot) => wires[slot]?.destroy(),
    writable: (slot) => wires[slot]?.writable(),
    acceptFailed(errno) {
      log.error('connection could not be accepted', { [Field.error]: getSystemErrorName(-errno) });
      setTimeout(() => theHub().resumeAccepting(), ACCEPT_PAUSE_MS);
    },
  });
  if (answer.kind === 'unavailable') return undefined;
  const theHub = (): SocketHub => answer.hub;
  const closeWhenDone = (): void => {
    if (isClosed && open === 0) theHub().close();
  };
  return {
    async listen(path) {
      theHub().listen(path, backlog);
    },
    close() {
      isClosed = true;
      theHub().stopListening();
      closeWhenDone();
    },
  };
}
