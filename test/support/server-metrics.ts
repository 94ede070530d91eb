import type { GrpcServerMetrics } from '../../src/net/grpc/index.js';
import { Metric, type MetricRegistry } from '../../src/telemetry/index.js';

/** What a server of a test counts by: the names of an agent. */
export function serverMetrics(registry: MetricRegistry): GrpcServerMetrics {
  return {
    registry,
    connections: Metric.sdsConnections,
    connectionsRefused: Metric.sdsConnectionsRefused,
    connectionsEnded: Metric.sdsConnectionsEnded,
    calls: Metric.sdsCalls,
    callsRefused: Metric.sdsCallsRefused,
    heldBytes: Metric.sdsHeldBytes,
  };
}
