import { address, duration, type EnvoyObject, singleEndpoint, typed } from './envoy-values.js';
import { httpFilter } from './http-filter.js';
import type { SdsOptions } from './sds-config.js';
import { downstreamTls, upstreamTls } from './tls-context.js';
import type { InboundProxy, OutboundProxy, UpstreamPeer } from './workload-proxy.js';

/** Name of the cluster that is the local application. */
const APP_CLUSTER = 'local_app';

/** Time for TCP and the TLS handshake together. */
export const CONNECT_TIMEOUT_MS = 5000;

/** Envoy's default, written down because it is what a caller sees: 504 after 15 s. */
const REQUEST_TIMEOUT_MS = 15_000;

/**
 * Below the hour after which Envoy's server side closes an idle connection, so that it is never closed under a request.
 * Never below {@link CONNECT_TIMEOUT_MS}: an older Envoy (1.36) counts TCP and the handshake as idle, and the requests
 * that wait for them get a 503. (envoy#42753)
 */
const UPSTREAM_IDLE_MS = 300_000;

/** Only what has certainly not reached the application is sent again, so that any method may be. */
export const RETRY_POLICY = { retry_on: 'connect-failure,refused-stream', num_retries: 2 };

/** Mutual TLS in, plain HTTP to the application, which learns its caller from `x-forwarded-client-cert`. */
export function inboundListener(sds: SdsOptions, { address: where, allowedSans }: InboundProxy): EnvoyObject {
  return {
    name: 'inbound',
    address: address(where),
    filter_chains: [
      {
        transport_socket: downstreamTls(sds, allowedSans),
        filters: [
          httpFilter('inbound', {
            // What a caller writes into the header itself is dropped.
            forward_client_cert_details: 'SANITIZE_SET',
            set_current_client_cert_details: { uri: true },
            route_config: {
              virtual_hosts: [
                {
                  name: APP_CLUSTER,
                  domains: ['*'],
                  // The caller has a timeout of its own.
                  routes: [{ match: { prefix: '/' }, route: { cluster: APP_CLUSTER, timeout: '0s' } }],
                },
              ],
            },
          }),
        ],
      },
    ],
  };
}

export function inboundCluster({ app }: InboundProxy): EnvoyObject {
  return { name: APP_CLUSTER, connect_timeout: duration(CONNECT_TIMEOUT_MS), ...singleEndpoint(APP_CLUSTER, app) };
}

/** Plain HTTP from the application, to the upstream that the Host header names; 404 for any other name. */
export function outboundListener({ address: where, upstreams }: OutboundProxy): EnvoyObject {
  return {
    name: 'outbound',
    address: address(where),
    filter_chains: [
      { filters: [httpFilter('outbound', { route_config: { virtual_hosts: upstreams.map(virtualHost) } })] },
    ],
  };
}

function virtualHost({ name }: UpstreamPeer): EnvoyObject {
  return {
    name,
    domains: [name, `${name}:*`],
    retry_policy: RETRY_POLICY,
    routes: [{ match: { prefix: '/' }, route: { cluster: name, timeout: duration(REQUEST_TIMEOUT_MS) } }],
  };
}

export function upstreamCluster(sds: SdsOptions, upstream: UpstreamPeer, maxConnectionAgeMs: number): EnvoyObject {
  return {
    name: upstream.name,
    connect_timeout: duration(CONNECT_TIMEOUT_MS),
    ...singleEndpoint(upstream.name, upstream.address),
    ...httpOptions({
      ...connectionAge(maxConnectionAgeMs),
      explicit_http_config: { http_protocol_options: {} },
    }),
    transport_socket: upstreamTls(sds, upstream.name, { kind: 'exact', value: upstream.spiffeId }),
  };
}

/** The part of a cluster's HTTP options that has its connections replaced in time. */
export function connectionAge(maxConnectionAgeMs: number): EnvoyObject {
  return {
    common_http_protocol_options: {
      idle_timeout: duration(UPSTREAM_IDLE_MS),
      max_connection_duration: duration(maxConnectionAgeMs),
    },
  };
}

/** The part of a cluster that says which HTTP it speaks, and how. */
export function httpOptions(options: EnvoyObject): EnvoyObject {
  const type = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return { typed_extension_protocol_options: { [type]: typed(type, options) } };
}
