const ENVOY = 'docker.io/envoyproxy/envoy:v1.40.0';

interface OldSidecar {
  readonly kind: 'server' | 'client';
  readonly namespace: string;
}

const at = (address: string, port: number): object => ({ address: { socket_address: { address, port_value: port } } });

/** Key, certificate and roots as files: nothing of SDS. */
const CERTIFICATES = {
  tls_certificates: [
    { certificate_chain: { filename: '/etc/certs/cert-chain.pem' }, private_key: { filename: '/etc/certs/key.pem' } },
  ],
};

function commonTls(matcher: object): object {
  const trusted_ca = { filename: '/etc/certs/root-cert.pem' };
  const match_typed_subject_alt_names = [{ san_type: 'URI', matcher }];
  return { ...CERTIFICATES, validation_context: { trusted_ca, match_typed_subject_alt_names } };
}

function tls(side: 'Upstream' | 'Downstream', matcher: object): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.${side}TlsContext`,
      common_tls_context: commonTls(matcher),
      ...(side === 'Downstream' && { require_client_certificate: true }),
    },
  };
}

/** Passes HTTP on to the cluster `next`. */
const PASS_ON = {
  name: 'envoy.filters.network.http_connection_manager',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'old',
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
    route_config: {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'next' } }] },
      ],
    },
  },
};

function next(type: string, target: object, more: object = {}): object {
  const endpoints = [{ lb_endpoints: [{ endpoint: target }] }];
  return {
    ...{ name: 'next', type, connect_timeout: '5s', load_assignment: { cluster_name: 'next', endpoints } },
    ...more,
  };
}

function resourcesOf({ kind, namespace }: OldSidecar): object {
  const mesh = { prefix: `spiffe://cluster.local/ns/${namespace}/` };
  if (kind === 'server') {
    const chain = { filters: [PASS_ON], transport_socket: tls('Downstream', mesh) };
    return {
      listeners: [{ name: 'in', ...at('0.0.0.0', 15_443), filter_chains: [chain] }],
      clusters: [next('STATIC', at('127.0.0.1', 80))],
    };
  }
  const server = tls('Upstream', { exact: `spiffe://cluster.local/ns/${namespace}/sa/httpbin` });
  // A handshake for each request: what a wrong order breaks.
  const http = {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      common_http_protocol_options: { max_requests_per_connection: 1 },
      explicit_http_config: { http_protocol_options: {} },
    },
  };
  return {
    listeners: [{ name: 'out', ...at('127.0.0.1', 15_001), filter_chains: [{ filters: [PASS_ON] }] }],
    clusters: [
      next('STRICT_DNS', at(`httpbin.${namespace}.svc.cluster.local`, 8000), {
        ...{ transport_socket: server, typed_extension_protocol_options: http },
      }),
    ],
  };
}

/** The sidecar of a pod before SDS: an Envoy that reads the Secret of its service account at `/etc/certs`. */
export function fileConfiguredEnvoy(sidecar: OldSidecar): object {
  const bootstrap = { admin: at('127.0.0.1', 15_000), static_resources: resourcesOf(sidecar) };
  const drain = "curl -s -X POST 'http://127.0.0.1:15000/drain_listeners?graceful&skip_exit'; sleep 6";
  return {
    ...{ name: 'istio-proxy', image: ENVOY },
    args: [
      '--config-yaml',
      JSON.stringify(bootstrap),
      '--disable-hot-restart',
      '--service-cluster',
      'old',
      '--service-node',
      'old',
    ],
    ports: sidecar.kind === 'server' ? [{ name: 'mesh', containerPort: 15_443 }] : [],
    readinessProbe: { exec: { command: ['curl', '-sf', 'http://127.0.0.1:15000/ready'] }, periodSeconds: 1 },
    // Callers turn to the new pod meanwhile, and the client of its own pod has ended.
    lifecycle: { preStop: { exec: { command: ['/bin/bash', '-c', sidecar.kind === 'server' ? drain : 'sleep 3'] } } },
    resources: { requests: { cpu: '1m', memory: '32Mi' } },
    volumeMounts: [{ name: 'istio-certs', mountPath: '/etc/certs', readOnly: true }],
  };
}
