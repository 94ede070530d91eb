import { duration, type EnvoyObject } from './envoy-values.js';
import { grpcService } from './grpc-service.js';
import { REST_CLUSTER } from './sds-cluster.js';
import type { WorkloadProxy } from './workload-proxy.js';

/** How long one poll by REST may take: Envoy's default is one second, short for a busy machine. */
const REST_TIMEOUT_MS = 5000;

/** What says where secrets come from, and under which names. */
export type SdsOptions = Pick<
  WorkloadProxy,
  'socketPath' | 'tokenPassing' | 'initialFetchTimeoutMs' | 'sdsApi' | 'pollMs' | 'certificateName' | 'bundleName'
>;

/** The `SdsSecretConfig` of the workload's own certificate and key. */
export const certificateConfig = (options: SdsOptions): EnvoyObject => secretConfig(options.certificateName, options);

/** The `SdsSecretConfig` of the trust bundle. */
export const bundleConfig = (options: SdsOptions): EnvoyObject => secretConfig(options.bundleName, options);

/** What the bootstrap needs beside the secrets' own configs: the one stream for all, when they come by ADS. */
export function adsConfig(options: SdsOptions): EnvoyObject {
  switch (options.sdsApi) {
    case 'ads':
      return { dynamic_resources: { ads_config: grpcSource('GRPC', options) } };
    case 'delta-ads':
      return { dynamic_resources: { ads_config: grpcSource('DELTA_GRPC', options) } };
    case 'sotw':
    case 'delta':
    case 'rest':
      return {};
    default:
      return options.sdsApi satisfies never;
  }
}

function secretConfig(name: string, options: SdsOptions): EnvoyObject {
  return {
    name,
    sds_config: {
      resource_api_version: 'V3',
      initial_fetch_timeout: duration(options.initialFetchTimeoutMs),
      ...configSource(options),
    },
  };
}

function configSource(options: SdsOptions): EnvoyObject {
  switch (options.sdsApi) {
    case 'sotw':
      return { api_config_source: grpcSource('GRPC', options) };
    case 'delta':
      return { api_config_source: grpcSource('DELTA_GRPC', options) };
    case 'ads':
    case 'delta-ads':
      return { ads: {} };
    case 'rest':
      return { api_config_source: restSource(options) };
    default:
      return options.sdsApi satisfies never;
  }
}

function grpcSource(apiType: 'GRPC' | 'DELTA_GRPC', options: SdsOptions): EnvoyObject {
  return {
    api_type: apiType,
    transport_api_version: 'V3',
    // Otherwise each ACK repeats the node: 61 kB instead of 98 bytes.
    set_node_on_first_message_only: true,
    grpc_services: [grpcService(options)],
  };
}

function restSource({ pollMs }: SdsOptions): EnvoyObject {
  return {
    api_type: 'REST',
    transport_api_version: 'V3',
    cluster_names: [REST_CLUSTER],
    refresh_delay: duration(pollMs),
    request_timeout: duration(REST_TIMEOUT_MS),
  };
}
