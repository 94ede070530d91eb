import { createServer, type Server } from 'node:http';
import { RestConnections, type RestConnectionsOptions } from '../../agent/sds/index.js';
import { type Listener, listenPlain, unixPeer } from '../../net/transport/index.js';

/**
 * A request comes at once; one that trickles does not hold its connection for longer. So does one that waits for the
 * next poll.
 */
const LIMIT_MS = 30_000;

/** What Node.js holds connections to by itself: looked at as often as those of the other socket. */
const SERVER_OPTIONS = {
  headersTimeout: LIMIT_MS,
  requestTimeout: LIMIT_MS,
  keepAliveTimeout: LIMIT_MS,
  connectionsCheckingInterval: 5000,
  maxHeaderSize: 16 * 1024,
};

export interface RestListenerOptions
  extends Omit<Parameters<typeof listenPlain>[0], 'makeServer'>,
    Omit<RestConnectionsOptions, 'peerOf'> {
  /** Whether the kernel is asked who peers are. */
  readonly knowsPeers: boolean;
}

/** Serves HTTP/1.1 on a Unix socket. Closing it cuts off what is left. @throws as {@link listenPlain}. */
export async function listenForPolls(options: RestListenerOptions): Promise<Listener> {
  const { counts, knowsPeers, handlerOf } = options;
  const peerOf: RestConnectionsOptions['peerOf'] = (socket) => (knowsPeers ? unixPeer(socket) : undefined);
  const connections = new RestConnections({ counts, peerOf, handlerOf });
  const makeServer = (): Server => {
    const server = createServer(SERVER_OPTIONS, connections.listener);
    server.on('connection', (socket) => connections.enter(socket));
    // Also for an answer that is not read.
    server.timeout = LIMIT_MS;
    return server;
  };
  const listener = await listenPlain({ ...options, makeServer });
  return {
    address: listener.address,
    async close() {
      await listener.close();
      connections.cutOff();
    },
  };
}
