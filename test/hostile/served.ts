import { join } from 'node:path';
import type { Test } from 'tap';
import { createSdsServer, MAX_REQUEST_BYTES } from '../../src/agent/sds/index.js';
import { addReflectionMethods, createGrpcServer } from '../../src/net/grpc/index.js';
import type { GrpcServerOptions } from '../../src/net/grpc/server/grpc-server.js';
import { listenUnix } from '../../src/net/transport/index.js';
import { Metric, MetricRegistry, type MetricSeries } from '../../src/telemetry/index.js';
import { FakeSecretSource } from '../support/fake-secret-source.js';
import { callHeaders, data, grpcMessage } from '../support/raw-frames.js';
import { RawPeer } from '../support/raw-peer.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { encodeRequest, openSdsClient, type SdsClient } from '../support/sds-client.js';
import { serverMetrics } from '../support/server-metrics.js';
import { shortDir } from '../support/short-dir.js';

export const STREAM_SECRETS = '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets';

/** Of reflection, and what asks it for all services. */
export const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
export const LIST_SERVICES = Buffer.from('3a012a', 'hex');

export type HostileServer = Awaited<ReturnType<typeof serveHostile>>;

/** An SDS server for peers that misbehave: its limits, its log and its metrics, and a clock that the test moves. */
export async function serveHostile(
  t: Test,
  { via = 'addon', ...limits }: Partial<GrpcServerOptions> & { via?: 'addon' | 'node' } = {},
) {
  const source = new FakeSecretSource();
  const logger = new RecordingLogger();
  const metrics = new MetricRegistry();
  let nowMs = 0;
  const ticks = new Set<() => void>();
  const every = (_periodMs: number, act: () => void) => {
    ticks.add(act);
    return () => void ticks.delete(act);
  };
  const server = createGrpcServer({
    logger,
    metrics: serverMetrics(metrics),
    maxReceiveBytes: MAX_REQUEST_BYTES,
    maxConcurrentStreams: 10_000,
    now: () => nowMs,
    every,
    ...limits,
  });
  const sds = createSdsServer({ server, source, logger, controlPlaneIdentifier: 'test', now: () => nowMs, every });
  addReflectionMethods(server);
  const path = join(shortDir(t), 's');
  const onWire = server.attach.bind(server);
  const listener = await listenUnix({ path, mode: 0o666, backlog: 4096, via, onWire, logger });
  t.teardown(async () => {
    await listener.close();
    await sds.endAllStreams();
    await server.close(0);
  });
  source.set({ default: 'leaf 0' });
  return {
    path,
    source,
    server,
    sds,
    logger,
    /** Lets time pass, and the server look at what is wrong. */
    pass(milliseconds: number): void {
      nowMs += milliseconds;
      for (const act of [...ticks]) act();
    },
    count: (reason: string) => counted(metrics.series(), reason),
    series: () => metrics.series().length,
    peer: (options?: { greets?: boolean }) => RawPeer.connect(t, path, options),
  };
}

function counted(series: readonly MetricSeries[], reason: string): number {
  const names: readonly string[] = [Metric.sdsConnectionsRefused.name, Metric.sdsConnectionsEnded.name];
  const found = series.find(({ definition, labels }) => names.includes(definition.name) && labels.reason === reason);
  if (found === undefined || !('value' in found.metric)) throw new Error(`no counter for ${reason}`);
  return found.metric.value;
}

/** HEADERS and the first request of an SDS stream. */
export function asks(streamId: number, names: readonly string[] = ['default']): Buffer {
  return Buffer.concat([
    callHeaders(streamId, STREAM_SECRETS),
    data(streamId, grpcMessage(encodeRequest({ names, nodeId: 'raw' }))),
  ]);
}

/** Somebody who has done nothing wrong: has a secret, and gets each newer one whatever the others do. */
export class Victim {
  readonly #client: SdsClient;
  #rotations = 0;

  private constructor(
    client: SdsClient,
    private readonly served: Pick<HostileServer, 'source'>,
  ) {
    this.#client = client;
  }

  static async connect(t: Test, served: Pick<HostileServer, 'source' | 'path'>): Promise<Victim> {
    const client = openSdsClient(t, served.path);
    client.request({ names: ['default'], nodeId: 'victim' });
    client.ack(await client.expectResponse());
    return new Victim(client, served);
  }

  /** Resolves with the milliseconds from a rotation to the answer of a call that follows its ACK. */
  async rotates(): Promise<number> {
    const startedAtMs = performance.now();
    this.#rotations += 1;
    this.served.source.set({ default: `leaf ${this.#rotations}` });
    this.#client.ack(await this.#client.expectResponse());
    await this.#client.roundTrip();
    return performance.now() - startedAtMs;
  }
}
