import type { SpiffeId } from '../pki/spiffe/index.js';
import { envoyListenAddress, envoyPeerAddress } from './envoy-address.js';
import {
  durationMs,
  type HostPort,
  type Kind,
  kubernetesName,
  oneOf,
  path,
  sanMatcher,
  spiffeId,
  text,
  trustDomain,
} from './kinds.js';
import { type ConfigOf, listOf, optional, required, withDefault } from './option.js';
import { socketPath } from './socket-path.js';

/** A peer that the outbound listener reaches under its name. */
export interface Upstream {
  readonly name: string;
  readonly address: HostPort;
  readonly spiffeId: SpiffeId;
}

const upstream: Kind<Upstream> = {
  placeholder: 'NAME=HOST:PORT=SPIFFE-ID',
  expected: 'NAME=HOST:PORT=SPIFFE-ID such as httpbin.foo=10.0.0.7:15006=spiffe://cluster.local/ns/foo/sa/httpbin',
  parse(value, files) {
    const [name = '', addressText = '', idText = '', ...rest] = value.split('=');
    const address = envoyPeerAddress.parse(addressText, files);
    const peer = spiffeId.parse(idText, files);
    const isName = kubernetesName.parse(name, files) !== undefined;
    if (!isName || address === undefined || peer === undefined || rest.length > 0) return undefined;
    return { name, address, spiffeId: peer };
  },
};

/** Envoy tells the format of a file by the end of its name. */
const yamlFile: Kind<string> = {
  placeholder: 'FILE.yaml',
  expected: 'a path that ends in .yaml',
  parse: (value, files) => (/[^/]\.yaml$/.test(value) ? path.parse(value, files) : undefined),
};

/** `sidecert bootstrap`. */
export const BOOTSTRAP_OPTIONS = {
  socket: withDefault(socketPath, '/var/run/secrets/workload-spiffe-uds/socket', {
    flag: 'socket',
    description: 'Unix socket of the agent',
  }),
  tokenSource: withDefault(oneOf(['file', 'stream']), 'file', {
    flag: 'token-source',
    description: 'as for the agent: with stream, Envoy passes the JWT of --token-file in the metadata of each stream',
  }),
  tokenFile: withDefault(path, '/var/run/secrets/tokens/istio-token', {
    flag: 'token-file',
    description: 'file with the JWT, and with google_grpc no newline after it (only with --token-source stream)',
  }),
  tokenBy: withDefault(oneOf(['google_grpc', 'injector']), 'google_grpc', {
    flag: 'token-by',
    description:
      "what in Envoy passes the JWT: Google's gRPC client, or a filter of Envoy's own client, which needs Envoy 1.37 and the file of --token-secret, and one connection instead of one for each secret (only with --token-source stream)",
  }),
  tokenSecretFile: withDefault(yamlFile, '/etc/envoy/sds-token.yaml', {
    flag: 'token-secret',
    description: 'where Envoy finds what --print token-secret prints (only with --token-by injector)',
  }),
  print: withDefault(oneOf(['bootstrap', 'token-secret']), 'bootstrap', {
    flag: 'print',
    description:
      'what to print: the bootstrap, or the file that tells the filter of --token-by injector where --token-file is',
  }),
  sdsApi: withDefault(oneOf(['sotw', 'delta', 'ads', 'delta-ads', 'rest']), 'sotw', {
    flag: 'sds-api',
    description:
      'by which API Envoy asks for secrets: a stream for each that tells all (sotw) or what changed (delta), one stream for all of them (ads, delta-ads), or polls (rest; the agent needs --rest keys)',
  }),
  restSocket: optional(socketPath, {
    flag: 'rest-socket',
    description: "the agent's --rest-socket, instead of --socket; needed with --sds-api rest, and with nothing else",
  }),
  certificateName: withDefault(text, 'default', {
    flag: 'certificate-name',
    description: 'resource name under which the agent serves the certificate',
  }),
  bundleName: withDefault(text, 'ROOTCA', {
    flag: 'bundle-name',
    description: 'resource name under which the agent serves the trust bundle; ALL for those of all trust domains',
  }),
  namespace: required(kubernetesName, { flag: 'namespace', description: 'Kubernetes namespace of the workload' }),
  serviceAccount: required(kubernetesName, { flag: 'service-account', description: 'service account of the workload' }),
  trustDomain: withDefault(trustDomain, 'cluster.local', {
    flag: 'trust-domain',
    description: 'trust domain of the workload',
  }),
  nodeId: optional(text, {
    flag: 'node-id',
    description: 'node id of the Envoy; by default SERVICE-ACCOUNT.NAMESPACE',
  }),
  admin: withDefault(envoyListenAddress, '127.0.0.1:15000', {
    flag: 'admin',
    description: 'address of the admin pages of Envoy: keep it on loopback',
  }),
  inbound: optional(envoyListenAddress, { flag: 'inbound', description: 'address to take mutual TLS on; needs --app' }),
  app: optional(envoyPeerAddress, { flag: 'app', description: 'address of the local application behind --inbound' }),
  allow: listOf(sanMatcher, [], {
    flag: 'allow',
    description: 'who may call --inbound; may be repeated. By default every identity of the trust domain',
  }),
  outbound: optional(envoyListenAddress, {
    flag: 'outbound',
    description: 'address on which the local application calls its upstreams in plain HTTP; needs --upstream',
  }),
  upstreams: listOf(upstream, [], {
    flag: 'upstream',
    description: 'a peer, called over mutual TLS when the Host header is NAME; may be repeated',
  }),
  initialFetchTimeoutMs: withDefault(durationMs, '15s', {
    flag: 'initial-fetch-timeout',
    description: 'how long a listener or cluster of Envoy waits for its first secret before it opens without one',
  }),
  maxConnectionAgeMs: withDefault(durationMs, '1h', {
    flag: 'max-connection-age',
    description:
      'when a connection to an upstream is replaced, so that both sides prove themselves with their newest certificate',
  }),
};

export type BootstrapConfig = ConfigOf<typeof BOOTSTRAP_OPTIONS>;
