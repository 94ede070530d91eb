import { duration, type EnvoyObject, pipe, typed } from './envoy-values.js';
import { injectToken } from './token-injector.js';
import type { WorkloadProxy } from './workload-proxy.js';

/** Name of the cluster that leads to the agent, and of its statistics. */
export const SDS_CLUSTER = 'sds_agent';

/** The same for the agent's socket of REST. */
export const REST_CLUSTER = 'sds_agent_rest';

/** Finds an agent that hangs: a ping every 30 s, 10 s for its answer. */
const KEEPALIVE_INTERVAL_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;

/** One stream per secret: Envoy's default of 1024 requests would stop a gateway with more secrets than that. */
const MAX_STREAMS = 100_000;

/** The clusters that SDS itself needs: none when Google's client dials the socket. */
export function sdsClusters({
  socketPath,
  tokenPassing,
  sdsApi,
}: Pick<WorkloadProxy, 'socketPath' | 'tokenPassing' | 'sdsApi'>): EnvoyObject[] {
  if (tokenPassing.kind === 'google_grpc') return [];
  const name = sdsApi === 'rest' ? REST_CLUSTER : SDS_CLUSTER;
  return [
    {
      name,
      type: 'STATIC',
      connect_timeout: '1s',
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
          {
            explicit_http_config: sdsApi === 'rest' ? { http_protocol_options: {} } : http2(),
            ...(tokenPassing.kind === 'injector' && { http_filters: injectToken(tokenPassing.tokenSecretFile) }),
          },
        ),
      },
      circuit_breakers: { thresholds: [{ max_requests: MAX_STREAMS }] },
      load_assignment: {
        cluster_name: name,
        endpoints: [{ lb_endpoints: [{ endpoint: { address: pipe(socketPath) } }] }],
      },
    },
  ];
}

function http2(): EnvoyObject {
  return {
    http2_protocol_options: {
      connection_keepalive: { interval: duration(KEEPALIVE_INTERVAL_MS), timeout: duration(KEEPALIVE_TIMEOUT_MS) },
    },
  };
}
