import { duration, type EnvoyObject, singleEndpoint, typed } from './envoy-values.js';
import { httpFilter } from './http-filter.js';
import { CONNECT_TIMEOUT_MS, connectionAge, httpOptions, RETRY_POLICY } from './http-proxy.js';
import { blackhole, listener, loopbackListener, ORIGINAL_DST, tcpFilter, transparentHttp } from './sidecar-parts.js';
import type { SidecarOutbound, SidecarProxy, SidecarUpstream } from './sidecar-proxy.js';
import { upstreamTls } from './tls-context.js';

/** Name of the cluster of all that is called without Envoy's identity, at the address that the application dialled. */
const PASSTHROUGH = 'passthrough';

/** What an HTTP inspector finds: HTTP/2 in plain text begins with its preface. */
const HTTP_PROTOCOLS = ['http/1.0', 'http/1.1', 'h2c'];

/** Takes what leaves the pod: calls of upstreams over mutual TLS, and all else as it is. */
export function sidecarOutboundListener(proxy: SidecarProxy, outbound: SidecarOutbound): EnvoyObject {
  const { ports } = proxy;
  if (!outbound.isCaptured) {
    // By the Host header, or as an HTTP proxy: a name that is no upstream gets 404.
    const names = outbound.upstreams.map((upstream) => virtualHost(upstream, isOnlyPort(upstream, outbound)));
    return loopbackListener('outbound', proxy, ports.outbound, {
      traffic_direction: 'OUTBOUND',
      filter_chains: [{ name: 'http', filters: [http('outbound', names)] }],
    });
  }
  const upstreamPorts = [...new Set(outbound.upstreams.map(({ port }) => port))];
  return listener('outbound', proxy, ports.outbound, {
    traffic_direction: 'OUTBOUND',
    // For ever: a client may connect long before it sends its first request.
    listener_filters_timeout: '0s',
    listener_filters: [ORIGINAL_DST, ...(upstreamPorts.length > 0 ? [httpInspector(upstreamPorts)] : [])],
    filter_chains: [
      blackhole(ports.outbound),
      ...upstreamPorts.map((port) => ({
        name: `http_${port}`,
        filter_chain_match: { destination_port: port, application_protocols: HTTP_PROTOCOLS },
        filters: [http(`outbound_${port}`, virtualHostsOfPort(outbound, port))],
      })),
    ],
    default_filter_chain: { name: PASSTHROUGH, filters: [tcpFilter(PASSTHROUGH, PASSTHROUGH)] },
  });
}

/** Only on the ports of upstreams: elsewhere a client that waits for the server's first word would be kept waiting. */
function httpInspector(ports: readonly number[]): EnvoyObject {
  const rules = ports.map((port) => ({ destination_port_range: { start: port, end: port + 1 } }));
  const [only] = rules;
  return {
    name: 'envoy.filters.listener.http_inspector',
    filter_disabled: { not_match: rules.length === 1 ? only : { or_match: { rules } } },
    typed_config: typed('envoy.extensions.filters.listener.http_inspector.v3.HttpInspector', {}),
  };
}

function http(statPrefix: string, virtualHosts: readonly EnvoyObject[]): EnvoyObject {
  return httpFilter(statPrefix, { ...transparentHttp(), route_config: { virtual_hosts: virtualHosts } });
}

function virtualHostsOfPort({ upstreams }: SidecarOutbound, port: number): EnvoyObject[] {
  const ofPort = upstreams.filter((upstream) => upstream.port === port);
  const hosts = new Set(ofPort.map(({ host }) => host));
  return [
    ...ofPort.map((upstream) => ({
      ...routeTo(upstream),
      // Without the port as well, as clients write it for port 80.
      domains: [upstream.host, ...aliases(upstream.host).filter((alias) => !hosts.has(alias))].flatMap((name) => [
        name,
        `${name}:*`,
      ]),
    })),
    { name: PASSTHROUGH, domains: ['*'], routes: [route(PASSTHROUGH)] },
  ];
}

/** NAME.NAMESPACE of a Service has longer names as well. (Kubernetes DNS-Based Service Discovery) */
function aliases(host: string): string[] {
  return /^[^.]+\.[^.]+$/.test(host) ? [`${host}.svc`, `${host}.svc.cluster.local`] : [];
}

/** Whether a Host header without a port can mean no other upstream. */
function isOnlyPort({ host }: SidecarUpstream, { upstreams }: SidecarOutbound): boolean {
  return upstreams.filter((other) => other.host === host).length === 1;
}

function virtualHost(upstream: SidecarUpstream, isOnly: boolean): EnvoyObject {
  const { host, port } = upstream;
  return { ...routeTo(upstream), domains: [`${host}:${port}`, ...(isOnly ? [host] : [])] };
}

function routeTo(upstream: SidecarUpstream): EnvoyObject {
  const cluster = clusterName(upstream);
  return { name: cluster, retry_policy: RETRY_POLICY, routes: [route(cluster)] };
}

/** The caller has a timeout of its own. */
function route(cluster: string): EnvoyObject {
  return { match: { prefix: '/' }, route: { cluster, timeout: '0s' } };
}

function clusterName({ host, port }: SidecarUpstream): string {
  return `${host}:${port}`;
}

/** Where captured connections go: to the address that the application dialled, so that Envoy resolves no names. */
const DIALLED = { type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED' };

export function sidecarUpstreamClusters(proxy: SidecarProxy, outbound: SidecarOutbound): EnvoyObject[] {
  const { upstreams, isCaptured, maxConnectionAgeMs } = outbound;
  const connect = { connect_timeout: duration(CONNECT_TIMEOUT_MS) };
  const asDownstream = { use_downstream_protocol_config: {} };
  const clusters = upstreams.map((upstream) => ({
    name: clusterName(upstream),
    ...connect,
    ...(isCaptured ? DIALLED : resolved(proxy, upstream)),
    ...httpOptions({ ...connectionAge(maxConnectionAgeMs), ...asDownstream }),
    transport_socket: upstreamTls(proxy.sds, upstream.host, upstream.allowed),
  }));
  return isCaptured
    ? [...clusters, { name: PASSTHROUGH, ...connect, ...DIALLED, ...httpOptions(asDownstream) }]
    : clusters;
}

/** By its name, for which the start of Envoy, and with it that of the application, does not wait. */
function resolved({ ipFamilies }: SidecarProxy, upstream: SidecarUpstream): EnvoyObject {
  const hasIpv4 = ipFamilies.includes('ipv4');
  return {
    ...singleEndpoint(clusterName(upstream), upstream),
    dns_lookup_family: ipFamilies.length > 1 ? 'V4_PREFERRED' : hasIpv4 ? 'V4_ONLY' : 'V6_ONLY',
    wait_for_warm_on_init: false,
  };
}
