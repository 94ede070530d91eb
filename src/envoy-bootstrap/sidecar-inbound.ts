import { duration, type EnvoyObject, singleEndpoint, typed } from './envoy-values.js';
import { httpFilter } from './http-filter.js';
import { CONNECT_TIMEOUT_MS, httpOptions } from './http-proxy.js';
import type { SdsOptions } from './sds-config.js';
import { blackhole, listener, ORIGINAL_DST, tcpFilter, transparentHttp } from './sidecar-parts.js';
import type { SidecarInbound, SidecarProxy } from './sidecar-proxy.js';
import { downstreamTls } from './tls-context.js';

/** Name of the cluster that is the application. */
const APP_CLUSTER = 'local_app';

/**
 * How long a connection may be silent until it is taken for plain text that waits for the server's first word: TLS
 * begins with the client's. Only a permissive listener has to guess.
 */
const DETECTION_MS = 2000;

/** Takes what comes to the pod: mutual TLS, and plain text where that is permitted. */
export function sidecarInboundListener(proxy: SidecarProxy, inbound: SidecarInbound): EnvoyObject {
  const isCaptured = inbound.target.kind === 'captured';
  return listener('inbound', proxy, proxy.ports.inbound, {
    traffic_direction: 'INBOUND',
    ...(inbound.isPermissive && {
      listener_filters_timeout: duration(DETECTION_MS),
      continue_on_listener_filters_timeout: true,
    }),
    listener_filters: [
      ...(isCaptured ? [ORIGINAL_DST] : []),
      ...(inbound.isPermissive
        ? [
            {
              name: 'envoy.filters.listener.tls_inspector',
              typed_config: typed('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {}),
            },
          ]
        : []),
    ],
    filter_chains: [
      // A connection to this very port would be led to itself, again and again.
      ...(isCaptured ? [blackhole(proxy.ports.inbound)] : []),
      ...inbound.tcpPorts.flatMap((port) => chains(proxy.sds, inbound, { destination_port: port }, tcp())),
      ...chains(proxy.sds, inbound, {}, http()),
    ],
  });
}

/** One filter chain for mutual TLS and, where it is permitted, one for plain text. */
function chains(sds: SdsOptions, inbound: SidecarInbound, match: EnvoyObject, by: Filters): EnvoyObject[] {
  const chain = (transport: string, name: string, rest: EnvoyObject): EnvoyObject => {
    const criteria = { ...match, ...(inbound.isPermissive && { transport_protocol: transport }) };
    return { name, ...(Object.keys(criteria).length > 0 && { filter_chain_match: criteria }), ...rest };
  };
  const suffix = 'destination_port' in match ? `_${match.destination_port}` : '';
  return [
    chain('tls', `mtls${suffix}`, {
      transport_socket: downstreamTls(sds, inbound.allowedSans),
      filters: [by.overMutualTls],
    }),
    ...(inbound.isPermissive ? [chain('raw_buffer', `plain${suffix}`, { filters: [by.inPlainText] })] : []),
  ];
}

interface Filters {
  readonly overMutualTls: EnvoyObject;
  readonly inPlainText: EnvoyObject;
}

function tcp(): Filters {
  const filter = tcpFilter('inbound_tcp', APP_CLUSTER);
  return { overMutualTls: filter, inPlainText: filter };
}

/** The application learns its caller from `x-forwarded-client-cert`; what a caller writes into it itself is dropped. */
function http(): Filters {
  const filter = (fields: EnvoyObject): EnvoyObject =>
    httpFilter('inbound', {
      ...transparentHttp(),
      ...fields,
      route_config: {
        virtual_hosts: [
          {
            name: APP_CLUSTER,
            domains: ['*'],
            routes: [{ match: { prefix: '/' }, route: { cluster: APP_CLUSTER, timeout: '0s' } }],
          },
        ],
      },
    });
  return {
    overMutualTls: filter({
      forward_client_cert_details: 'SANITIZE_SET',
      set_current_client_cert_details: { uri: true },
    }),
    inPlainText: filter({ forward_client_cert_details: 'SANITIZE' }),
  };
}

/** The application: at the port that the caller named, or at the one that was given. */
export function sidecarAppCluster({ target }: SidecarInbound): EnvoyObject {
  const common = {
    connect_timeout: duration(CONNECT_TIMEOUT_MS),
    ...httpOptions({ use_downstream_protocol_config: {} }),
  };
  if (target.kind === 'port') {
    return { name: APP_CLUSTER, ...common, ...singleEndpoint(APP_CLUSTER, { host: '127.0.0.1', port: target.port }) };
  }
  return { name: APP_CLUSTER, ...common, type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED' };
}
