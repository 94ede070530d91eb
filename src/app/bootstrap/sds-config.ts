import { duration, type EnvoyObject, pipe, typed } from './envoy-values.js';
import type { TokenPassing, WorkloadProxy } from './workload-proxy.js';

/** Name of the cluster that leads to the agent, and of its statistics. */
const SDS_CLUSTER = 'sds_agent';

/** The resource names under which Istio's Envoys ask for their certificate and their trust bundle. */
const CERTIFICATE_NAME = 'default';
const BUNDLE_NAME = 'ROOTCA';

/**
 * A cluster that needs a secret starts before the SDS cluster exists, fails once, and waits for its back-off. With Envoy's
 * default (500 ms) a client sidecar is ready after 0.8 s, with this after 0.1 s. (measured with Envoy 1.40)
 */
const RETRY_BASE_MS = 20;
const RETRY_MAX_MS = 1000;

/** Finds an agent that hangs: a ping every 30 s, 10 s for its answer. */
const KEEPALIVE_INTERVAL_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;

/** One stream per secret: Envoy's default of 1024 requests would stop a gateway with more secrets than that. */
const MAX_STREAMS = 100_000;

export type SdsOptions = Pick<WorkloadProxy, 'socketPath' | 'tokenPassing' | 'initialFetchTimeoutMs'>;

/** The `SdsSecretConfig` of the workload's own certificate and key. */
export const certificateConfig = (options: SdsOptions): EnvoyObject => secretConfig(CERTIFICATE_NAME, options);

/** The `SdsSecretConfig` of the trust bundle. */
export const bundleConfig = (options: SdsOptions): EnvoyObject => secretConfig(BUNDLE_NAME, options);

function secretConfig(name: string, options: SdsOptions): EnvoyObject {
  return {
    name,
    sds_config: {
      resource_api_version: 'V3',
      initial_fetch_timeout: duration(options.initialFetchTimeoutMs),
      api_config_source: {
        api_type: 'GRPC',
        transport_api_version: 'V3',
        // Otherwise each ACK repeats the node: 61 kB instead of 98 bytes.
        set_node_on_first_message_only: true,
        grpc_services: [grpcService(options)],
      },
    },
  };
}

function grpcService({ socketPath, tokenPassing }: SdsOptions): EnvoyObject {
  switch (tokenPassing.kind) {
    case 'file':
      return {
        envoy_grpc: {
          cluster_name: SDS_CLUSTER,
          retry_policy: {
            retry_back_off: { base_interval: duration(RETRY_BASE_MS), max_interval: duration(RETRY_MAX_MS) },
          },
        },
      };
    case 'stream':
      return { google_grpc: googleGrpc(socketPath, tokenPassing.tokenFile) };
    default:
      return tokenPassing satisfies never;
  }
}

/** Only Google's client reads a token from a file; it does so for each new stream. */
function googleGrpc(socketPath: string, tokenFile: string): EnvoyObject {
  const plugin = 'envoy.grpc_credentials.file_based_metadata';
  return {
    target_uri: `unix:${socketPath}`,
    stat_prefix: SDS_CLUSTER,
    // Call credentials need channel credentials; these put nothing on the wire of a Unix socket.
    channel_credentials: { local_credentials: {} },
    credentials_factory_name: plugin,
    call_credentials: [
      {
        from_plugin: {
          name: plugin,
          typed_config: typed('envoy.config.grpc_credential.v3.FileBasedMetadataConfig', {
            secret_data: { filename: tokenFile },
            header_key: 'authorization',
            header_prefix: 'Bearer ',
          }),
        },
      },
    ],
    // Its own back-off grows to two minutes: an agent that was away for 10 s would be asked again after 25 s.
    channel_args: {
      args: {
        'grpc.initial_reconnect_backoff_ms': { int_value: String(RETRY_BASE_MS * 5) },
        'grpc.min_reconnect_backoff_ms': { int_value: String(RETRY_BASE_MS * 5) },
        'grpc.max_reconnect_backoff_ms': { int_value: String(RETRY_MAX_MS) },
      },
    },
  };
}

/** The clusters that SDS itself needs: none when Google's client dials the socket. */
export function sdsClusters({
  socketPath,
  tokenPassing,
}: {
  socketPath: string;
  tokenPassing: TokenPassing;
}): EnvoyObject[] {
  if (tokenPassing.kind === 'stream') return [];
  const http2 = {
    connection_keepalive: { interval: duration(KEEPALIVE_INTERVAL_MS), timeout: duration(KEEPALIVE_TIMEOUT_MS) },
  };
  return [
    {
      name: SDS_CLUSTER,
      type: 'STATIC',
      connect_timeout: '1s',
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
          { explicit_http_config: { http2_protocol_options: http2 } },
        ),
      },
      circuit_breakers: { thresholds: [{ max_requests: MAX_STREAMS }] },
      load_assignment: {
        cluster_name: SDS_CLUSTER,
        endpoints: [{ lb_endpoints: [{ endpoint: { address: pipe(socketPath) } }] }],
      },
    },
  ];
}
