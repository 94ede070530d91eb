import { type EnvoyObject, typed } from './envoy-values.js';
import type { SidecarProxy } from './sidecar-proxy.js';

/** Finds where a redirected connection was to go. */
export const ORIGINAL_DST: EnvoyObject = {
  name: 'envoy.filters.listener.original_dst',
  typed_config: typed('envoy.extensions.filters.listener.original_dst.v3.OriginalDst', {}),
};

/** A cluster without endpoints: a connection to it is closed at once. */
const BLACKHOLE = 'blackhole';

const ANY_ADDRESS = { ipv4: '0.0.0.0', ipv6: '::' };
const LOOPBACK = { ipv4: '127.0.0.1', ipv6: '::1' };

/** A listener on a port of all addresses, or of loopback alone, of the pod's IP families. */
export function listener(
  name: string,
  { ipFamilies }: Pick<SidecarProxy, 'ipFamilies'>,
  port: number,
  fields: EnvoyObject,
  addresses = ANY_ADDRESS,
): EnvoyObject {
  const [first, ...others] = ipFamilies.map((family) => ({
    address: { socket_address: { address: addresses[family], port_value: port } },
  }));
  return { name, ...first, ...(others.length > 0 && { additional_addresses: others }), ...fields };
}

/** The same for what only the pod itself may reach. */
export function loopbackListener(
  name: string,
  proxy: Pick<SidecarProxy, 'ipFamilies'>,
  port: number,
  fields: EnvoyObject,
): EnvoyObject {
  return listener(name, proxy, port, fields, LOOPBACK);
}

/** Closes connections that were sent to this port itself. */
export function blackhole(port: number): EnvoyObject {
  return {
    name: BLACKHOLE,
    filter_chain_match: { destination_port: port },
    filters: [tcpFilter(BLACKHOLE, BLACKHOLE)],
  };
}

export const BLACKHOLE_CLUSTER: EnvoyObject = { name: BLACKHOLE, type: 'STATIC', connect_timeout: '1s' };

/** Passes bytes on to a cluster. */
export function tcpFilter(statPrefix: string, cluster: string): EnvoyObject {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', { stat_prefix: statPrefix, cluster }),
  };
}

/**
 * What lets HTTP pass as if there were no Envoy: streams may be silent for as long as they like, WebSockets and
 * HTTP/1.0 pass, and the server's name stays that of the application.
 */
export function transparentHttp(): EnvoyObject {
  return {
    stream_idle_timeout: '0s',
    server_header_transformation: 'PASS_THROUGH',
    http_protocol_options: { accept_http_10: true },
    upgrade_configs: [{ upgrade_type: 'websocket' }],
  };
}
