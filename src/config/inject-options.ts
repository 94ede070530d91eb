import { drainSeconds, image, meshUpstream, portMatch, quantities, tcpPort } from './inject-kinds.js';
import {
  absolutePath,
  boolean,
  durationMs,
  fraction,
  type Kind,
  kubernetesName,
  oneOf,
  peerAddress,
  sanMatcher,
  serverName,
  text,
  trustDomain,
  wholeNumber,
} from './kinds.js';
import { type ConfigOf, listOf, optional, switchOf, withDefault } from './option.js';
import { caHeader } from './secret-header.js';

/** A key of a ConfigMap. (apimachinery, "IsConfigMapKey") */
const configMapKey: Kind<string> = {
  placeholder: 'KEY',
  expected: 'a key of a ConfigMap: a-z, A-Z, 0-9, "-", "_" and "."',
  parse: (value) => (/^(?!\.{1,2}$)[-._a-zA-Z0-9]{1,253}$/.test(value) ? value : undefined),
};

/** As a ClusterTrustBundle is called: its signer, with colons in place of slashes, comes first. */
const trustBundleName: Kind<string> = {
  placeholder: 'NAME',
  expected: 'the name of a ClusterTrustBundle',
  parse: (value) => (/^[a-z0-9]([a-z0-9.:-]{0,251}[a-z0-9])?$/.test(value) ? value : undefined),
};

/**
 * How a pod gets its agent and its Envoy. Each of these can be set for one pod by the annotation
 * `sidecert.dev/FLAG` as well, which comes before the flag.
 */
export const INJECT_OPTIONS = {
  agent: withDefault(oneOf(['pod', 'node']), 'pod', {
    flag: 'agent',
    description:
      'whose agent serves the pod: one of its own, or that of its node, which knows it by the token in each stream of Envoy; then what is said here of agent, CA and roots is of no use',
  }),
  nodeSocketDirectory: withDefault(absolutePath, '/run/sidecert', {
    flag: 'node-socket-directory',
    description: 'directory of the node in which the agent of --agent node has its socket, by the name of socket',
  }),
  identitySource: withDefault(oneOf(['ca', 'file,ca']), 'ca', {
    flag: 'identity-source',
    description:
      'where the key and the certificate of the pod come from: a CA, or the Secret of --identity-secret and a CA, to move from the one to the other',
  }),
  identitySecret: optional(kubernetesName, {
    flag: 'identity-secret',
    description:
      'Secret with key, certificate and roots for --identity-source file,ca, by the names of Istio, of Kubernetes TLS or of a credential bundle; the pod starts without it, too. Left out, istio. and the service account',
  }),
  migrationStep: withDefault(oneOf(['files', 'ca', 'ca-only']), 'files', {
    flag: 'migration-step',
    description: 'the step of --identity-source file,ca while --migration-config-map says none',
  }),
  migrationConfigMap: withDefault(kubernetesName, 'sidecert-migration', {
    flag: 'migration-config-map',
    description: "ConfigMap in the pod's namespace whose key step says the step; sidecert migrate writes it",
  }),
  caAddresses: listOf(peerAddress, ['istiod.istio-system.svc:15012'], {
    flag: 'ca-address',
    description:
      'the CA: Citadel, istiod or any that speaks its protocol; of several, each is asked when those before it give no answer',
  }),
  caServerNames: listOf(serverName, [], {
    flag: 'ca-server-name',
    description:
      'name to expect in the certificate of the CA server, when it is not the host of --ca-address. One for all of --ca-address, or one for each, in their order',
  }),
  caHeaders: listOf(caHeader, [], {
    flag: 'ca-header',
    description:
      'a further header of each call to the CA, which a gateway in front of it may want; all who may read the pod can read it, so no secret',
  }),
  certSigner: optional(text, {
    flag: 'cert-signer',
    description: 'the signer that the CA is to use (CertSigner in the request), where it has several',
  }),
  clusterId: withDefault(text, 'Kubernetes', {
    flag: 'cluster-id',
    description: 'cluster that the token is from, as the CA knows it',
  }),
  trustDomain: withDefault(trustDomain, 'cluster.local', {
    flag: 'trust-domain',
    description: 'trust domain of the workloads',
  }),
  ttlMs: withDefault(durationMs, '24h', {
    flag: 'ttl',
    description: 'life of the certificates to ask for',
  }),
  renewAt: withDefault(fraction(0.01, 0.99), '0.5', {
    flag: 'renew-at',
    description: 'how far through its life a certificate is renewed',
  }),
  surviveCaOutageMs: optional(durationMs, {
    flag: 'survive-ca-outage',
    description:
      'for how long the CA may be away and no certificate expires: renewed sooner where that takes it; at most nine tenths of --ttl',
  }),
  keyType: withDefault(oneOf(['ec-p256', 'ec-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096']), 'ec-p256', {
    flag: 'key-type',
    description: 'kind of the private key, new for each certificate',
  }),
  tokenSource: withDefault(oneOf(['file', 'stream']), 'file', {
    flag: 'token-source',
    description: "how the JWT reaches the agent: read from the pod's token file, or in each stream of Envoy",
  }),
  tokenAudience: withDefault(text, 'istio-ca', {
    flag: 'token-audience',
    description: 'audience of the projected service-account token, as the CA expects it',
  }),
  tokenExpirationSeconds: withDefault(wholeNumber(600, 86_400 * 365), '3600', {
    flag: 'token-expiration',
    description: 'life of the projected token in seconds, at least 600; the kubelet renews it at 80 %',
  }),
  rootConfigMap: withDefault(kubernetesName, 'istio-ca-root-cert', {
    flag: 'root-config-map',
    description: "ConfigMap in the pod's namespace that holds the roots of the CA",
  }),
  rootKey: withDefault(configMapKey, 'root-cert.pem', {
    flag: 'root-key',
    description: 'key of --root-config-map under which the roots are',
  }),
  rootTrustBundle: optional(trustBundleName, {
    flag: 'root-trust-bundle',
    description: 'ClusterTrustBundle that holds the roots of the CA, instead of --root-config-map (Kubernetes 1.37)',
  }),
  agentImage: withDefault(image, 'docker.io/sidecert/sidecert:0.1.0', {
    flag: 'agent-image',
    description: 'image of the agent: that of the Dockerfile, or one with the same paths',
  }),
  envoyImage: withDefault(image, 'docker.io/envoyproxy/envoy:v1.40.0', {
    flag: 'envoy-image',
    description: 'image of Envoy, whose entrypoint takes the flags of Envoy',
  }),
  captureImage: withDefault(image, 'registry.k8s.io/kube-proxy:v1.37.2', {
    flag: 'capture-image',
    description:
      'image with nft on its PATH for --capture nftables; with sh, iptables and ip6tables for --capture iptables',
  }),
  imagePullPolicy: optional(oneOf(['Always', 'IfNotPresent', 'Never']), {
    flag: 'image-pull-policy',
    description: 'pull policy of these images; left out, that of Kubernetes',
  }),
  isClassic: switchOf(boolean, {
    flag: 'classic',
    description:
      'agent and Envoy as plain containers, for a Kubernetes before 1.29; by default they are native sidecars, which start before all other containers and end after them',
  }),
  capture: withDefault(oneOf(['nftables', 'iptables', 'none']), 'nftables', {
    flag: 'capture',
    description:
      'who leads traffic to Envoy: rules that an init container makes (it needs NET_ADMIN), or none: then the Service names port 15006 as its target, and the application calls upstreams by 127.0.0.1:15001',
  }),
  inbound: withDefault(oneOf(['strict', 'permissive', 'off']), 'strict', {
    flag: 'inbound',
    description: 'what callers of the pod may speak: mutual TLS only, plain text as well, or anything, past Envoy',
  }),
  inboundPorts: listOf(portMatch, ['*'], {
    flag: 'inbound-ports',
    description: 'ports of the pod whose traffic Envoy takes',
  }),
  excludeInboundPorts: listOf(tcpPort, [], {
    flag: 'exclude-inbound-ports',
    description: 'ports of the pod whose traffic passes by Envoy',
  }),
  tcpInboundPorts: listOf(tcpPort, [], {
    flag: 'tcp-inbound-ports',
    description:
      'ports of the pod on which something else than HTTP is spoken: the application does not learn who calls',
  }),
  appPort: optional(tcpPort, {
    flag: 'app-port',
    description: 'port of the application with --capture none; by default the one port that the containers declare',
  }),
  allow: listOf(sanMatcher, [], {
    flag: 'allow',
    description: 'who may call the pod by mutual TLS. By default every identity of the trust domain',
  }),
  upstreams: listOf(meshUpstream, [], {
    flag: 'upstreams',
    description: 'HTTP services that are called over mutual TLS, and the identity that each must prove',
  }),
  outboundPorts: listOf(portMatch, [], {
    flag: 'outbound-ports',
    description: 'ports of other hosts whose traffic Envoy takes, besides those of --upstreams',
  }),
  excludeOutboundPorts: listOf(tcpPort, [], {
    flag: 'exclude-outbound-ports',
    description: 'ports of other hosts whose traffic passes by Envoy',
  }),
  ipFamilies: withDefault(oneOf(['dual', 'ipv4', 'ipv6']), 'dual', {
    flag: 'ip-families',
    description:
      'what Envoy and agent listen on; ipv4 is for kernels without IPv6: elsewhere IPv6 connections to the pod would be refused or, with capture iptables, not captured',
  }),
  maxConnectionAgeMs: withDefault(durationMs, '1h', {
    flag: 'max-connection-age',
    description:
      'when a connection to an upstream is replaced, so that both sides prove themselves with their newest certificate',
  }),
  drainSeconds: withDefault(drainSeconds, '5s', {
    flag: 'drain',
    description:
      'how long a pod that is to end goes on answering, while its callers turn to others: containers of the application without a preStop hook get one that sleeps, at most a second less than the termination grace period',
  }),
  concurrency: withDefault(wholeNumber(1, 256), '2', {
    flag: 'concurrency',
    description: 'threads of Envoy that serve connections',
  }),
  envoyLogLevel: withDefault(oneOf(['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off']), 'warning', {
    flag: 'envoy-log-level',
    description: 'how much Envoy logs',
  }),
  agentRequests: withDefault(quantities, 'cpu=10m,memory=48Mi', {
    flag: 'agent-requests',
    description: 'resources that the agent asks for, or none',
  }),
  agentLimits: withDefault(quantities, 'memory=128Mi', {
    flag: 'agent-limits',
    description: 'resources that the agent may use at most, or none',
  }),
  envoyRequests: withDefault(quantities, 'cpu=50m,memory=64Mi', {
    flag: 'envoy-requests',
    description: 'resources that Envoy asks for, or none',
  }),
  envoyLimits: withDefault(quantities, 'memory=1Gi', {
    flag: 'envoy-limits',
    description: 'resources that Envoy may use at most, or none',
  }),
};

/** The settings of one injection. */
export type InjectSettings = ConfigOf<typeof INJECT_OPTIONS>;
