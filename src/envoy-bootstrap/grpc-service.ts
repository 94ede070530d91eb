import { duration, type EnvoyObject, typed } from './envoy-values.js';
import { SDS_CLUSTER } from './sds-cluster.js';
import type { WorkloadProxy } from './workload-proxy.js';

/**
 * A cluster that needs a secret starts before the SDS cluster exists, fails once, and waits for its back-off. With
 * Envoy's default (500 ms) a client sidecar is ready after 0.8 s, with this after 0.1 s. (measured with Envoy 1.40)
 */
const RETRY_BASE_MS = 20;
const RETRY_MAX_MS = 1000;

/**
 * Calls wait until there is a connection, instead of failing at once. Without it, each try to reach an agent that is
 * not there yet makes Envoy wait for longer before it opens the next stream, up to 30 s: first secrets came 3 to 26 s
 * after the agent, and come within a second with it. (gRPC, "Wait for Ready", "Service Config"; measured with Envoy
 * 1.36 and 1.40)
 */
const WAIT_FOR_READY = JSON.stringify({ methodConfig: [{ name: [{}], waitForReady: true }] });

/** The `GrpcService` that leads to the agent: Envoy's own client, or Google's. */
export function grpcService({
  socketPath,
  tokenPassing,
}: Pick<WorkloadProxy, 'socketPath' | 'tokenPassing'>): EnvoyObject {
  switch (tokenPassing.kind) {
    case 'none':
    case 'injector':
      return {
        envoy_grpc: {
          cluster_name: SDS_CLUSTER,
          retry_policy: {
            retry_back_off: { base_interval: duration(RETRY_BASE_MS), max_interval: duration(RETRY_MAX_MS) },
          },
        },
      };
    case 'google_grpc':
      return { google_grpc: googleGrpc(socketPath, tokenPassing.tokenFile) };
    default:
      return tokenPassing satisfies never;
  }
}

/**
 * A Unix socket as a gRPC target, which is a URI: gRPC's C core undoes the percent-encoding. (gRPC Name Resolution; RFC
 * 3986 §3.3)
 */
function unixTarget(socketPath: string): string {
  return `unix:${encodeURI(socketPath).replaceAll('?', '%3F').replaceAll('#', '%23')}`;
}

/** Reads the token from the file for each new stream. */
function googleGrpc(socketPath: string, tokenFile: string): EnvoyObject {
  const plugin = 'envoy.grpc_credentials.file_based_metadata';
  return {
    target_uri: unixTarget(socketPath),
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
        'grpc.service_config': { string_value: WAIT_FOR_READY },
      },
    },
  };
}
