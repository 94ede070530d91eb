import { HOT_PATH } from './hot-path.js';
import { inventoryPlace } from './inventory-place.js';
import {
  accountName,
  boolean,
  durationMs,
  durationOrOff,
  existingFile,
  hostPort,
  oneOf,
  path,
  pkcs11Uri,
  serverName,
  serviceAccountRef,
  text,
  tokenIssuer,
  trustDomain,
  wholeNumber,
} from './kinds.js';
import { LOG_FORMAT, LOG_LEVEL } from './log-level.js';
import { type ConfigOf, listOf, optional, switchOf, withDefault } from './option.js';
import { STATUS_ADDRESS } from './status-address.js';
import { TRACE_OPTIONS, TRACE_PARENT_BASED } from './trace-options.js';

/** `sidecert citadel`. */
export const CITADEL_OPTIONS = {
  listen: withDefault(hostPort, '0.0.0.0:15012', {
    flag: 'listen',
    description: 'address of the TLS gRPC server; port 0 takes a free one',
  }),
  caDirectory: optional(path, {
    flag: 'ca-dir',
    description:
      'directory with ca-cert.pem, ca-key.pem, cert-chain.pem and root-cert.pem, or with tls.crt, tls.key and ca.crt as a Kubernetes TLS secret has them; an empty or missing one gets a fresh P-256 root, one with other files is refused. With --kubernetes an empty one is left empty, and the root is in a Secret. Without either the root lives in memory and ends with the process',
  }),
  caKey: optional(pkcs11Uri, {
    flag: 'ca-key',
    description:
      'private key in a PKCS#11 token (HSM), which signs there and never leaves it: pkcs11:token=LABEL;object=LABEL?module-path=FILE&pin-source=FILE, as RFC 7512 has it; --ca-dir then has the certificates without the key',
  }),
  hasOnlineIntermediate: switchOf(boolean, {
    flag: 'online-intermediate',
    description:
      'whether certificates are signed by an intermediate below the authority, which Citadel makes and renews itself: path length 0, for the URIs of the trust domain alone. Its key is beside the authority, in --ca-dir or in the Secret sidecert-online-intermediate. Without it the authority signs them itself',
  }),
  onlineIntermediateTtlMs: optional(durationMs, {
    flag: 'online-intermediate-ttl',
    description:
      'life of an online intermediate, 16 s at least; the next one signs from the middle of it on, and no certificate outlives it. Left out, 30 days, or twice the longest life of a certificate if that is more',
  }),
  nameConstraints: withDefault(oneOf(['on', 'off']), 'on', {
    flag: 'name-constraints',
    description:
      'whether an online intermediate has the critical name constraint, by which peers refuse what it signs for another trust domain; off for peers that do not know it',
  }),
  trustDomain: withDefault(trustDomain, 'cluster.local', {
    flag: 'trust-domain',
    description: 'trust domain of all issued identities',
  }),
  isInKubernetes: switchOf(boolean, {
    flag: 'kubernetes',
    description:
      'work with the API server of the cluster that this pod is in: read the keys of its tokens, keep the root in the Secret istio-ca-secret (unless there is a Secret cacerts, or --ca-dir has one), and write the root certificates into the ConfigMap istio-ca-root-cert of every namespace',
  }),
  kubeconfig: optional(existingFile, {
    flag: 'kubeconfig',
    description:
      'file that says, by its current context, which API server --kubernetes is about; left out, that of the pod, and outside of one the files that KUBECONFIG lists',
  }),
  publishesRoots: withDefault(oneOf(['on', 'off']), 'on', {
    flag: 'publish-roots',
    description:
      'whether --kubernetes writes the root certificates into every namespace, and into a ClusterTrustBundle where the API server has it; off beside an istiod whose workloads must keep its root',
  }),
  jwksFile: optional(existingFile, {
    flag: 'jwks',
    description:
      'JSON Web Key Set that service-account tokens are verified with; read again when it changes. It cannot tell that a pod was deleted: a token is accepted until it expires. With --kubernetes it is used instead of the keys of the API server',
  }),
  tokenIssuers: listOf(tokenIssuer, [], {
    flag: 'token-issuer',
    description:
      'issuer (iss) of which a token must be; two of them while a cluster changes its issuer. Needed with --jwks; with the keys of an API server those beside the one that it tells of. ISSUER=KEYS is an issuer with keys of its own: discovery asks it where they are (OpenID Connect), a URL of https or a file has its JSON Web Key Set',
  }),
  tokenIssuerCaFile: optional(existingFile, {
    flag: 'token-issuer-ca',
    description:
      'PEM roots that the servers of --token-issuer with discovery or a URL are verified by; left out, those of Node.js',
  }),
  hasClientCertificates: switchOf(boolean, {
    flag: 'client-certificates',
    description:
      'whether a caller may also show its certificate of this authority, in place of a token: agents renew by their own (--ca-client-svid). Without it a caller is known by its token alone',
  }),
  tokenAudiences: listOf(text, ['istio-ca'], {
    flag: 'token-audience',
    description: 'audience (aud) of which a token must have one',
  }),
  tokenBinding: withDefault(oneOf(['pod', 'any']), 'any', {
    flag: 'token-binding',
    description:
      'pod: only tokens that are bound to a pod (claims kubernetes.io/pod), as projected volumes have them; any: also those of kubectl create token and of Secrets',
  }),
  reviewsTokens: switchOf(boolean, {
    flag: 'token-review',
    description:
      'whether the API server is asked about each token besides (TokenReview), as only it knows whether the pod of a token still exists; an answer is good for 10 s, and without one there is no certificate. Needs --kubernetes',
  }),
  checksPods: switchOf(boolean, {
    flag: 'pod-check',
    description:
      'whether the API server is asked, about a token that is bound to a pod, if that pod still exists and has not ended; an answer is good for 10 s, and without one there is no certificate. As --token-review, by the role to get pods. Needs --kubernetes',
  }),
  trustedNodeAccounts: listOf(serviceAccountRef, [], {
    flag: 'trusted-node-account',
    description:
      'service account of node proxies, such as ztunnel, which may have the certificates of the pods on their own node (ImpersonatedIdentity), as the API server knows them. Needs --kubernetes',
  }),
  bindsToToken: switchOf(boolean, {
    flag: 'bind-to-token',
    description: 'whether a certificate ends with the token that it was issued for, at the latest',
  }),
  rootChangeLead: optional(durationOrOff, {
    flag: 'root-change-before',
    description:
      'how long before its end Citadel changes a root that it has made itself, step by step and never to the harm of a workload, or off. Left out, a tenth of the life of the root or three times the longest life of a certificate, whichever is more, and half of the life of the root at most',
  }),
  rootChangeSettleMs: withDefault(durationMs, '24h', {
    flag: 'root-change-settle',
    description:
      'how long after one step of such a change the next one comes, at the earliest: for those who get roots otherwise than from agents',
  }),
  rootCertOut: optional(path, {
    flag: 'root-cert-out',
    description: 'file to write the root certificates to, for the --ca-root of agents',
  }),
  serverNames: listOf(serverName, ['istiod.istio-system.svc', 'localhost', '127.0.0.1', '::1'], {
    flag: 'server-name',
    description: 'DNS name or IP address for the certificate of the server itself',
  }),
  dnsNames: listOf(accountName, [], {
    flag: 'dns-name',
    description:
      'DNS name that the certificates of this service account have beside its SPIFFE ID, for servers whose clients know no SPIFFE; all others have none',
  }),
  defaultTtlMs: withDefault(durationMs, '24h', {
    flag: 'default-ttl',
    description: 'life of a certificate when the request asks for none',
  }),
  maxTtlMs: withDefault(durationMs, '2160h', {
    flag: 'max-ttl',
    description: 'a request for a longer life is refused',
  }),
  policyFile: optional(existingFile, {
    flag: 'policy',
    description:
      'file (YAML or JSON) that says, for namespaces and service accounts, which lives, key types, DNS names and CSRs are allowed; read again when it changes. What it leaves open is as the flags have it',
  }),
  trailDirectory: optional(path, {
    flag: 'trail-dir',
    description:
      'directory for the trail: a record of each certificate that was issued and of what was refused, in files that are only appended to, each record with the hash of the one before; each Citadel needs one of its own. Left out, only the log tells',
  }),
  trailMode: withDefault(oneOf(['queue', 'wait']), 'queue', {
    flag: 'trail-mode',
    description:
      'queue: a certificate goes out at once, and its record is on the disk within a tenth of a second, or waits in memory while the disk takes nothing; wait: a certificate goes out when its record is on the disk, and none does while the disk takes nothing',
  }),
  trailKeepMs: withDefault(durationMs, '8760h', {
    flag: 'trail-keep',
    description: 'files of the trail that were not written to for so long are removed',
  }),
  inventory: optional(inventoryPlace, {
    flag: 'inventory',
    description:
      'database for `sidecert certs`, which is kept up to date from the trail: a file of SQLite, or PostgreSQL for several replicas. No certificate waits for it',
  }),
  maxConnections: withDefault(wholeNumber(1, 1_000_000), '8192', {
    flag: 'max-connections',
    description:
      'open at a time, a quarter of them from one address before a token of it was accepted; bounded by the limit of open files, too. One without a call is ended after a while',
  }),
  hotPath: HOT_PATH,
  statusAddress: STATUS_ADDRESS,
  logLevel: LOG_LEVEL,
  logFormat: LOG_FORMAT,
  ...TRACE_OPTIONS,
  isTraceParentBased: TRACE_PARENT_BASED,
};

export type CitadelConfig = ConfigOf<typeof CITADEL_OPTIONS>;
