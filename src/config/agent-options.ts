import { IdentityError } from '../errors/index.js';
import { SpiffeId } from '../pki/spiffe/index.js';
import { CA_OPTIONS } from './ca-options.js';
import { HOT_PATH } from './hot-path.js';
import {
  absoluteFile,
  absolutePath,
  durationMs,
  existingFile,
  fraction,
  kubernetesName,
  oneOf,
  path,
  text,
  trustDomain,
} from './kinds.js';
import { LOG_FORMAT, LOG_LEVEL } from './log-level.js';
import {
  allOnlyWith,
  type ConfigOf,
  givenOnlyWith,
  listOf,
  onlyWith,
  optional,
  requiredUnless,
  withDefault,
} from './option.js';
import { OUTPUT_OPTIONS } from './output-options.js';
import { FROM_BOTH, FROM_CA, FROM_FILES, FROM_FILES_ALONE, NODE, SECRET_OPTIONS, SIDECAR } from './secret-options.js';
import { SOCKET_OPTIONS } from './socket-options.js';
import { podSocketsPath, socketPath } from './socket-path.js';
import { STATUS_ADDRESS } from './status-address.js';
import { TRACE_OPTIONS } from './trace-options.js';

/** `sidecert agent`. The default paths are those that Istio's sidecar injection mounts. */
export const AGENT_OPTIONS = {
  mode: withDefault(oneOf(['sidecar', 'node']), 'sidecar', {
    flag: 'mode',
    description:
      'sidecar: one workload, whose names are given here; node: any number of pods, each with the identity and the token of its streams',
  }),
  socket: withDefault(socketPath, '/var/run/secrets/workload-spiffe-uds/socket', {
    flag: 'socket',
    description: 'Unix socket on which Envoy asks for its secrets (made with the mode of --socket-mode)',
  }),
  podSockets: onlyWith(
    NODE,
    optional(podSocketsPath, {
      flag: 'pod-sockets',
      description:
        'directory that has one for each pod, by its UID, with the token of the pod (token): the agent puts a socket (socket) there, on which that pod is served without a token of its streams. Only this user and root may write to them (only with --mode node)',
    }),
  ),
  identitySource: withDefault(oneOf(['ca', 'file', 'file,ca']), 'ca', {
    flag: 'identity-source',
    description:
      'where the key, the certificate and the trust bundle of the workload come from: a CA, or mounted files, without any CA, or both, to move from files to a CA (the last two in sidecar mode)',
  }),
  migrationStep: onlyWith(
    FROM_BOTH,
    withDefault(oneOf(['files', 'ca', 'ca-only']), 'ca', {
      flag: 'migration-step',
      description:
        'files, ca: whose key and certificate are served while both are valid, with the roots of both; ca-only: those of the CA, with its roots alone',
    }),
  ),
  migrationStepFile: onlyWith(
    FROM_BOTH,
    optional(absoluteFile, {
      flag: 'migration-step-file',
      description:
        'file that says the step (files, ca or ca-only) and comes before --migration-step; read again when it changes, so that sidecert migrate takes a step without a restart',
    }),
  ),
  identityDirectory: onlyWith(
    FROM_FILES,
    withDefault(absolutePath, '/etc/certs', {
      flag: 'identity-dir',
      description:
        'directory of the mounted files: cert-chain.pem, key.pem and root-cert.pem, or tls.crt, tls.key and ca.crt, or credentialbundle.pem (key and chain) beside ca.crt or root-cert.pem; read again when they change',
    }),
  ),
  identityRootFile: onlyWith(
    FROM_FILES,
    optional(absoluteFile, {
      flag: 'identity-root',
      description: 'PEM roots, when they are not in --identity-dir; read again when they change',
    }),
  ),
  ...allOnlyWith(FROM_CA, CA_OPTIONS),
  clusterId: givenOnlyWith(
    FROM_CA,
    withDefault(text, 'Kubernetes', {
      flag: 'cluster-id',
      description: 'cluster that the token is from, as the CA knows it',
    }),
  ),
  tokenSource: onlyWith(
    FROM_CA,
    onlyWith(
      SIDECAR,
      withDefault(oneOf(['file', 'stream']), 'file', {
        flag: 'token-source',
        description:
          'whose JWT goes to the CA: that of --token-file, or the one in the metadata of each stream of Envoy',
      }),
    ),
  ),
  tokenFile: onlyWith(
    FROM_CA,
    onlyWith(
      SIDECAR,
      withDefault(path, '/var/run/secrets/tokens/istio-token', {
        flag: 'token-file',
        description:
          'service-account JWT with the audience of the CA; read again for each call (only with --token-source file)',
      }),
    ),
  ),
  jwksFile: givenOnlyWith(
    FROM_CA,
    optional(existingFile, {
      flag: 'jwks',
      description:
        'JSON Web Key Set by which tokens of streams are checked before they cost a key and a call to the CA; read again when it changes (in node mode, and with --token-source stream)',
    }),
  ),
  tokenIssuers: givenOnlyWith(
    FROM_CA,
    listOf(text, [], {
      flag: 'token-issuer',
      description: 'issuer (iss) of which a token must be; needed with --jwks, and with nothing else',
    }),
  ),
  tokenAudiences: givenOnlyWith(
    FROM_CA,
    listOf(text, ['istio-ca'], {
      flag: 'token-audience',
      description: 'audience (aud) of which a token must have one, where there is --jwks',
    }),
  ),
  tokenProofAgeMs: givenOnlyWith(
    FROM_CA,
    withDefault(durationMs, '10m', {
      flag: 'token-proof-age',
      description:
        'how long an accepted token lets new streams pass before the CA is asked again (in node mode, and with --token-source stream); where the CA gives no answer its last word stands',
    }),
  ),
  idleGraceMs: givenOnlyWith(
    FROM_CA,
    withDefault(durationMs, '1m', {
      flag: 'idle-grace',
      description:
        'node mode: how long the key and the certificate of a pod are kept, and renewed, when its last stream has ended; a stream that comes back within it gets the same ones, without a call to the CA',
    }),
  ),
  namespace: onlyWith(
    SIDECAR,
    requiredUnless(FROM_FILES_ALONE, kubernetesName, {
      flag: 'namespace',
      description: 'Kubernetes namespace of the workload; of mounted files only a certificate of it is served then',
    }),
  ),
  serviceAccount: onlyWith(
    SIDECAR,
    requiredUnless(FROM_FILES_ALONE, kubernetesName, {
      flag: 'service-account',
      description: 'service account of the workload; of mounted files only a certificate of it is served then',
    }),
  ),
  trustDomain: withDefault(trustDomain, 'cluster.local', {
    flag: 'trust-domain',
    description: 'trust domain of the workloads',
  }),
  ttlMs: givenOnlyWith(
    FROM_CA,
    withDefault(durationMs, '24h', {
      flag: 'ttl',
      description: 'life of the certificates to ask for',
    }),
  ),
  renewAt: givenOnlyWith(
    FROM_CA,
    withDefault(fraction(0.01, 0.99), '0.5', {
      flag: 'renew-at',
      description:
        'how far through its life a certificate is renewed, give or take a tenth of the shorter of the two parts, drawn once for each',
    }),
  ),
  surviveCaOutageMs: givenOnlyWith(
    FROM_CA,
    optional(durationMs, {
      flag: 'survive-ca-outage',
      description:
        'for how long the CA may be away and no certificate expires: renewed sooner where that takes it; at most nine tenths of --ttl',
    }),
  ),
  keyType: givenOnlyWith(
    FROM_CA,
    withDefault(oneOf(['ec-p256', 'ec-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096']), 'ec-p256', {
      flag: 'key-type',
      description: 'kind of the private key, new for each certificate',
    }),
  ),
  ...SECRET_OPTIONS,
  ...OUTPUT_OPTIONS,
  rest: withDefault(oneOf(['off', 'bundles', 'keys']), 'off', {
    flag: 'rest',
    description:
      'what is served as JSON over HTTP/1.1 (POST /v3/discovery:secrets) on the socket of --rest-socket: nothing, trust bundles, or private keys, too',
  }),
  restSocket: optional(socketPath, {
    flag: 'rest-socket',
    description:
      'Unix socket for --rest bundles or keys (made with the mode of --socket-mode); needed with them, and with nothing else',
  }),
  deltaRemovals: withDefault(oneOf(['on', 'off']), 'on', {
    flag: 'delta-removals',
    description:
      'whether an Envoy that asks by delta is told of a name that it can never have, and goes on without; Envoys before 1.30 count that as rejected',
  }),
  ...SOCKET_OPTIONS,
  hotPath: HOT_PATH,
  statusAddress: STATUS_ADDRESS,
  logLevel: LOG_LEVEL,
  logFormat: LOG_FORMAT,
  ...TRACE_OPTIONS,
};

export type AgentConfig = ConfigOf<typeof AGENT_OPTIONS>;

/** Whom an agent serves, and what proves it. */
export type ServedWorkloads = IssuedWorkloads | MountedWorkload | MigratingWorkload;

/** Those whose certificates come from a CA. */
export type IssuedWorkloads =
  | { readonly kind: 'own-token'; readonly spiffeId: SpiffeId; readonly tokenFile: string }
  | { readonly kind: 'stream-token'; readonly spiffeId: SpiffeId }
  | { readonly kind: 'pods-of-node' };

/** One whose certificate is in files. */
export interface MountedWorkload {
  readonly kind: 'mounted-files';
  readonly directory: string;
  readonly rootFile: string | undefined;
  /** The only one that the certificate may have; `undefined`: any of the trust domain, or none. */
  readonly spiffeId: SpiffeId | undefined;
}

/** One whose certificate is in files, and is to come from a CA. */
export interface MigratingWorkload {
  readonly kind: 'files-and-ca';
  readonly step: 'files' | 'ca' | 'ca-only';
  /** Says another one while the agent runs. */
  readonly stepFile: string | undefined;
  readonly mounted: MountedWorkload;
  readonly issued: Extract<IssuedWorkloads, { readonly kind: 'own-token' }>;
}

/** The settings of the mode. @throws IdentityError `ERR_CONFIG_INVALID`: not what `readConfig` lets pass. */
export function servedWorkloads(config: AgentConfig): ServedWorkloads {
  const { mode, identitySource, tokenSource, tokenFile, namespace, serviceAccount, trustDomain } = config;
  if (mode === 'node') return { kind: 'pods-of-node' };
  const isNamed = namespace !== undefined && serviceAccount !== undefined;
  const spiffeId = isNamed ? SpiffeId.forServiceAccount(trustDomain, namespace, serviceAccount) : undefined;
  if (identitySource === 'file') return mountedWorkload(config, spiffeId);
  if (spiffeId === undefined || tokenFile === undefined) {
    throw new IdentityError('ERR_CONFIG_INVALID', 'sidecar mode: got no namespace, service account or token file');
  }
  if (tokenSource === 'stream') return { kind: 'stream-token', spiffeId };
  const issued = { kind: 'own-token', spiffeId, tokenFile } as const;
  const { migrationStep: step, migrationStepFile: stepFile } = config;
  return step === undefined
    ? issued
    : { kind: 'files-and-ca', step, stepFile, mounted: mountedWorkload(config, spiffeId), issued };
}

function mountedWorkload(config: AgentConfig, spiffeId: SpiffeId | undefined): MountedWorkload {
  const { identityDirectory: directory, identityRootFile: rootFile } = config;
  if (directory === undefined) throw new IdentityError('ERR_CONFIG_INVALID', 'mounted files: got no directory');
  return { kind: 'mounted-files', directory, rootFile, spiffeId };
}
