import { duration, type EnvoyObject, singleEndpoint, typed } from './envoy-values.js';
import { httpFilter } from './http-filter.js';
import { CONNECT_TIMEOUT_MS, httpOptions } from './http-proxy.js';
import { listener } from './sidecar-parts.js';
import type { AppProbe, SidecarProxy } from './sidecar-proxy.js';

/** Path at which Envoy says that it serves. */
export const READY_PATH = '/healthz/ready';

/** The one method that a gRPC probe calls. (grpc.health.v1) */
const GRPC_CHECK = '/grpc.health.v1.Health/Check';

/** How often an application that does not answer is tried again, and how long one try may take. */
const UNHEALTHY_INTERVAL_MS = 1000;

/**
 * What the kubelet asks, in plain text: whether Envoy serves, and the probes of the application, which it cannot ask
 * itself where mutual TLS is wanted. Nothing but the probes' own paths is passed on.
 *
 * Envoy opens its listeners together, once each secret is there: that this one answers is the proof. (envoy, "Init
 * manager")
 */
export function healthListeners(proxy: SidecarProxy): EnvoyObject[] {
  const { probes, ports } = proxy;
  const ready = { match: { path: READY_PATH }, direct_response: { status: 200, body: { inline_string: 'ready\n' } } };
  const paths = probes.flatMap((probe) => (probe.kind === 'http' ? [httpRoute(probe)] : []));
  const checks = probes.flatMap((probe) => (probe.kind === 'tcp' ? [tcpProbeFilter(probe)] : []));
  return [
    plainListener('health', proxy, ports.health, [ready, ...paths], checks),
    // Several probes may ask the same port.
    ...new Map(
      probes.flatMap((probe) =>
        probe.kind === 'grpc' ? [[probe.listenPort, grpcListener(proxy, probe)] as const] : [],
      ),
    ).values(),
  ];
}

function grpcListener(proxy: SidecarProxy, probe: AppProbe & { kind: 'grpc' }): EnvoyObject {
  return plainListener(clusterName(probe), proxy, probe.listenPort, [grpcRoute(probe)]);
}

function plainListener(
  name: string,
  proxy: SidecarProxy,
  port: number,
  routes: readonly EnvoyObject[],
  filters: readonly EnvoyObject[] = [],
): EnvoyObject {
  const virtualHost = { name, domains: ['*'], routes };
  const fields = {
    forward_client_cert_details: 'SANITIZE',
    server_header_transformation: 'PASS_THROUGH',
    route_config: { virtual_hosts: [virtualHost] },
  };
  return listener(name, proxy, port, { filter_chains: [{ filters: [httpFilter(name, fields, filters)] }] });
}

/** The kubelet has a timeout of its own. */
function httpRoute(probe: AppProbe & { kind: 'http' }): EnvoyObject {
  return {
    match: { path: probe.path },
    // With a match of the whole path, it is the whole path that is replaced. The query stays.
    route: { cluster: clusterName(probe), prefix_rewrite: probe.appPath, timeout: '0s' },
    // The kubelet would follow a redirect to this port, which has no such path. Without it a redirect is healthy.
    response_headers_to_remove: ['location'],
  };
}

function grpcRoute(probe: AppProbe & { kind: 'grpc' }): EnvoyObject {
  return { match: { path: GRPC_CHECK }, route: { cluster: clusterName(probe), timeout: '0s' } };
}

/** Envoy would take any connection: so it tries the application itself, and answers with what it found. */
function tcpProbeFilter(probe: AppProbe & { kind: 'tcp' }): EnvoyObject {
  return {
    name: 'envoy.filters.http.health_check',
    typed_config: typed('envoy.extensions.filters.http.health_check.v3.HealthCheck', {
      pass_through_mode: false,
      headers: [{ name: ':path', string_match: { exact: probe.path } }],
      cluster_min_healthy_percentages: { [clusterName(probe)]: { value: 100 } },
    }),
  };
}

function clusterName(probe: AppProbe): string {
  return `probe_${probe.kind === 'http' && probe.isTls ? 'https' : probe.kind}_${probe.port}`;
}

/** The application as the kubelet sees it: at the pod's address. One for each port and protocol. */
export function probeClusters({ probes, podIp }: SidecarProxy): EnvoyObject[] {
  const clusters = new Map<string, EnvoyObject>();
  // Of the probes that try to connect, the most frequent one says how often.
  const byPeriod = probes.toSorted((one, other) => periodOf(one) - periodOf(other));
  for (const probe of byPeriod) {
    const name = clusterName(probe);
    const { load_assignment } = singleEndpoint(name, { host: podIp, port: probe.port });
    const cluster = { name, type: 'STATIC', connect_timeout: duration(CONNECT_TIMEOUT_MS), load_assignment };
    if (!clusters.has(name)) clusters.set(name, { ...cluster, ...protocolOf(probe) });
  }
  return [...clusters.values()];
}

function periodOf(probe: AppProbe): number {
  return probe.kind === 'tcp' ? probe.periodSeconds : 0;
}

function protocolOf(probe: AppProbe): EnvoyObject {
  switch (probe.kind) {
    case 'http':
      // As the kubelet does: the certificate of a probe is not verified.
      return probe.isTls
        ? {
            transport_socket: {
              name: 'envoy.transport_sockets.tls',
              typed_config: typed('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {}),
            },
          }
        : {};
    case 'grpc':
      return httpOptions({ explicit_http_config: { http2_protocol_options: {} } });
    case 'tcp':
      return { health_checks: [healthCheck(probe.periodSeconds * 1000)] };
    default:
      return probe satisfies never;
  }
}

function healthCheck(periodMs: number): EnvoyObject {
  const often = duration(UNHEALTHY_INTERVAL_MS);
  return {
    timeout: often,
    interval: duration(periodMs),
    no_traffic_interval: often,
    no_traffic_healthy_interval: duration(periodMs),
    unhealthy_interval: often,
    unhealthy_threshold: 1,
    healthy_threshold: 1,
    tcp_health_check: {},
  };
}
