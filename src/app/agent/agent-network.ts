/** The parts of an agent that load gRPC: kept apart so that the first key is made while they load. */
import {
  createSdsServer,
  type EndedRollout,
  MAX_REQUEST_BYTES,
  type RejectedSecrets,
  restHandler,
  type SdsServer,
  type SdsStatus,
  type SecretSource,
} from '../../agent/sds/index.js';
import { configuredNames } from '../../agent/secrets/index.js';
import type { AgentConfig } from '../../config/index.js';
import { IdentityError } from '../../errors/index.js';
import type { HotPathKind } from '../../hotpath/index.js';
import { addHealthMethods, addReflectionMethods, createGrpcServer, type GrpcServer } from '../../net/grpc/index.js';
import { type Listener, listenUnix, type UnixListenersOptions } from '../../net/transport/index.js';
import { optimiseSooner } from '../../system/platform/index.js';
import { Metric, type MetricRegistry } from '../../telemetry/index.js';
import { connectionLimit } from '../connection-limit.js';
import type { AppContext } from '../running-app.js';
import { VERSION } from '../version.js';
import type { RestListenerOptions } from './rest-listener.js';

export { connectCa } from '../connect-ca.js';

/** Linux refuses a Unix connect at once when the queue is full; thousands of Envoys may come back together. */
const SOCKET_BACKLOG = 4096;

/**
 * A gateway opens a stream for each of its secrets on one connection: thousands, where each has a certificate and a
 * bundle.
 */
const MAX_STREAMS_PER_CONNECTION = 10_000;

/** Envoy shows it as `control_plane.identifier`. */
const IDENTIFIER = `sidecert/${VERSION}`;

/**
 * Of all connections: a stream costs some 6 kB, and the largest node has a few thousand. A fifth is kept for peers that
 * have proven themselves, and one process that has not may have half: 10 000 Envoys that start together have 20 000.
 */
const STREAMS = { max: 50_000, maxUnproven: 40_000, maxPerUnproven: 25_000 };

/**
 * Thousands of Envoys are sent away over this time: each comes back within half a second, to the agent that serves
 * then.
 */
const SPREAD_MS = 1000;

/** Of the 5 s that a shutdown may take, after that. */
const DRAIN_MS = 2000;

/**
 * So many connections are more than one Envoy has: more may come, thousands of them, and all for the same. Pods are
 * another matter: what is done for each of them is so much code that none of it is hot for long.
 */
const CROWD = 8;

const SERVER_METRICS = {
  connections: Metric.sdsConnections,
  connectionsRefused: Metric.sdsConnectionsRefused,
  connectionsEnded: Metric.sdsConnectionsEnded,
  calls: Metric.sdsCalls,
  callsRefused: Metric.sdsCallsRefused,
  heldBytes: Metric.sdsHeldBytes,
};

export interface EnvoyListenerOptions {
  readonly context: AppContext;
  readonly metrics: MetricRegistry;
  readonly source: SecretSource;
  readonly isServing: () => boolean;
  /** Is told of each refusal of an Envoy. */
  readonly onRejected?: ((event: RejectedSecrets) => void) | undefined;
  /** Is told of each changed secret that all streams have answered. */
  readonly onRollout?: ((rollout: EndedRollout) => void) | undefined;
  /** With the addon at hand it also serves the sockets. */
  readonly hotPath: HotPathKind;
}

/** The socket that Envoy asks on. */
export interface EnvoyListener {
  /** Of the socket. */
  readonly path: string;
  readonly connectionCount: number;
  /** When a peer has connected last, in epoch milliseconds; `undefined`: never. */
  readonly lastConnectionMs: number | undefined;
  /** Sets the gauges of connections and calls. */
  showLoad(): void;
  /** How the streams stand. Goes over each of them. */
  status(): SdsStatus;
  /** Whether every stream has answered all that there is for it. Goes over them, too. */
  isSettled(): boolean;
  withoutNewestBundle(): ReturnType<SdsServer['withoutNewestBundle']>;
  withFormerLeaf: SdsServer['withFormerLeaf'];
  /** Serves a connection of another socket. */
  readonly attach: UnixListenersOptions['onWire'];
  close(): Promise<void>;
}

/**
 * Opens the socket that Envoy asks on, and that of REST where it is configured. Closing it refuses new connections
 * first, then ends streams with OK, then the rest.
 */
export async function listenForEnvoy(config: AgentConfig, options: EnvoyListenerOptions): Promise<EnvoyListener> {
  const { metrics } = options;
  const { logger, now } = options.context;
  const server = createGrpcServer({
    logger,
    metrics: { registry: metrics, ...SERVER_METRICS },
    maxReceiveBytes: MAX_REQUEST_BYTES,
    maxConcurrentStreams: MAX_STREAMS_PER_CONNECTION,
    calls: STREAMS,
    maxConnections: connectionLimit(config.maxConnections, logger),
    allowedUids: allowedUids(config, options.hotPath),
  });
  const sds = createSdsServer({
    server,
    source: options.source,
    logger,
    controlPlaneIdentifier: IDENTIFIER,
    now,
    metrics,
    labelledNames: configuredNames(config),
    tellsRemovals: config.deltaRemovals === 'on',
    onRejected: options.onRejected,
    onRollout: options.onRollout,
  });
  const health = addHealthMethods(server, options.isServing);
  const reflection = addReflectionMethods(server);
  const rest = await openRest(config, options, server);
  let lastConnectionMs: number | undefined;
  const listener = await listenUnix({
    path: config.socket,
    ...socketOptions(config),
    metrics,
    via: options.hotPath === 'native' ? 'addon' : 'node',
    onWire(wire) {
      lastConnectionMs = now();
      server.attach(wire);
      if (config.mode === 'sidecar' && server.connectionCount === CROWD) optimiseSooner();
    },
    logger,
  }).catch(async (error: unknown) => {
    await rest?.close();
    throw error;
  });
  return {
    path: config.socket,
    get lastConnectionMs() {
      return lastConnectionMs;
    },
    get connectionCount() {
      return server.connectionCount;
    },
    showLoad: () => server.showLoad(),
    status: () => sds.status(),
    isSettled: () => sds.isSettled(),
    withoutNewestBundle: () => sds.withoutNewestBundle(),
    withFormerLeaf: (isBehind) => sds.withFormerLeaf(isBehind),
    attach: (wire) => server.attach(wire),
    async close() {
      await Promise.all([listener.close(), rest?.close()]);
      await sds.endAllStreams(SPREAD_MS);
      for (const others of [health, reflection]) others.endAllStreams();
      await server.close(DRAIN_MS);
    },
  };
}

/** What both sockets have in common. */
function socketOptions({ takesOver, mode, isDirectoryShared, socketMode, socketGroup }: AgentConfig) {
  const isPrivate = mode === 'node' && !isDirectoryShared;
  const access = { mode: Number.parseInt(socketMode, 8), group: socketGroup };
  return { ...access, backlog: SOCKET_BACKLOG, takesOver, isPrivate };
}

/** Loads Node's HTTP server: few agents have this socket. */
async function openRest(
  config: AgentConfig,
  { context, source, metrics, hotPath }: EnvoyListenerOptions,
  counts: GrpcServer,
): Promise<Listener | undefined> {
  const { rest, restSocket } = config;
  if (rest === 'off' || restSocket === undefined) return undefined;
  const { listenForPolls } = await import('./rest-listener.js');
  const { backlog, ...file } = socketOptions(config);
  const { logger } = context;
  const knowsPeers = hotPath === 'native';
  const common = { source, serves: rest, logger, controlPlaneIdentifier: IDENTIFIER };
  const handlerOf: RestListenerOptions['handlerOf'] = (counting) => restHandler({ ...common, ...counting });
  return listenForPolls({ at: { path: restSocket, ...file }, backlog, counts, knowsPeers, handlerOf, logger, metrics });
}

/** @throws IdentityError `ERR_CONFIG_INVALID`: who a peer is cannot be known here, so none could be let in. */
function allowedUids({ allowedUids: uids }: AgentConfig, hotPath: HotPathKind): ReadonlySet<number> | undefined {
  if (uids.length === 0) return undefined;
  if (hotPath !== 'native') {
    throw new IdentityError(
      'ERR_CONFIG_INVALID',
      'allowed-uids: got the js hot path, expected native: only it knows peers',
    );
  }
  return new Set(uids);
}
