/** The parts of an agent that load gRPC: kept apart so that the first key is made while they load. */
import { createCaClient } from '../../ca-client/index.js';
import type { AgentConfig } from '../../config/index.js';
import type { HotPathKind } from '../../hotpath/index.js';
import type { CertificateIssuer } from '../../identity/index.js';
import { addHealthMethod, createFramedServer, listenUnix } from '../../rpc/index.js';
import { createSdsServer, MAX_REQUEST_BYTES, type SecretSource } from '../../sds/index.js';
import type { MetricRegistry } from '../../telemetry/index.js';
import { addressText } from '../address-text.js';
import type { AppContext } from '../running-app.js';
import { VERSION } from '../version.js';

/** Linux refuses a Unix connect at once when the queue is full; thousands of Envoys may come back together. */
const SOCKET_BACKLOG = 4096;

/** Envoy and agent share a group, and nobody else may ask for the key. */
const SOCKET_MODE = 0o660;

/** As Istio's agent: a gateway opens a stream for each of its secrets on one connection. */
const MAX_STREAMS_PER_CONNECTION = 100_000;

/** Of the 5 s that a shutdown may take. */
const DRAIN_MS = 2000;

/** The client of the CA. Dials at its first call. */
export function connectCa(
  config: AgentConfig,
  { logger, now, random }: AppContext,
): CertificateIssuer & { close(): void } {
  return createCaClient({
    address: addressText(config.caAddress),
    rootFile: config.caRootFile,
    ...(config.caServerName !== undefined && { serverName: config.caServerName }),
    clusterId: config.clusterId,
    logger,
    now,
    random,
  });
}

export interface EnvoyListenerOptions {
  readonly context: AppContext;
  readonly source: SecretSource;
  readonly isServing: () => boolean;
  /** With the addon at hand it also serves the sockets. */
  readonly hotPath: HotPathKind;
  readonly metrics: MetricRegistry;
}

/** The socket, and who is on it. */
export interface EnvoyListener {
  readonly connectionCount: number;
  readonly streamCount: number;
  close(): Promise<void>;
}

/** Opens the socket that Envoy asks on. Closing it refuses new connections first, then ends streams with OK, then the rest. */
export async function listenForEnvoy(config: AgentConfig, options: EnvoyListenerOptions): Promise<EnvoyListener> {
  const { logger, now } = options.context;
  const server = createFramedServer({
    logger,
    maxReceiveBytes: MAX_REQUEST_BYTES,
    maxConcurrentStreams: MAX_STREAMS_PER_CONNECTION,
  });
  const sds = createSdsServer({
    server,
    source: options.source,
    logger,
    metrics: options.metrics,
    controlPlaneIdentifier: `sidecert/${VERSION}`,
    now,
  });
  addHealthMethod(server, options.isServing);
  const listener = await listenUnix({
    path: config.socket,
    mode: SOCKET_MODE,
    backlog: SOCKET_BACKLOG,
    via: options.hotPath === 'native' ? 'addon' : 'node',
    onWire: (wire) => server.attach(wire),
    logger,
  });
  return {
    get connectionCount() {
      return server.connectionCount;
    },
    get streamCount() {
      return sds.streamCount;
    },
    async close() {
      await listener.close();
      sds.endAllStreams();
      await server.close(DRAIN_MS);
    },
  };
}
