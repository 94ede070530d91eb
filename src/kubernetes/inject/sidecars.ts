import { INJECT_OPTIONS, type InjectSettings, type Quantities } from '../../config/index.js';
import { READY_PATH, renderSidecarBootstrap, type SidecarProxy } from '../../envoy-bootstrap/index.js';
import { type CaptureRules, iptablesScript, nftablesRules } from './capture-rules.js';
import {
  AGENT,
  CAPTURE,
  ENVOY,
  IDENTITY_DIRECTORY,
  IDENTITY_VOLUME,
  PORTS,
  ROOT_DIRECTORY,
  ROOT_VOLUME,
  SIDECAR_UID,
  SOCKET_DIRECTORY,
  SOCKET_VOLUME,
  STEP_DIRECTORY,
  STEP_VOLUME,
  TOKEN_DIRECTORY,
  TOKEN_VOLUME,
} from './names.js';
import type { Container, Volume } from './pod.js';
import { familiesOf, literal, passesToken, SOCKET_PATH, TOKEN_PATH } from './sidecar-proxy-of.js';

/** Paths of the agent's image. */
const NODE = '/usr/local/bin/node';

/** As Istio has it: ten minutes for the first certificate. */
const STARTUP_PROBE = { periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 600 };
const READINESS_PROBE = { periodSeconds: 5, timeoutSeconds: 3 };

const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  readOnlyRootFilesystem: true,
  runAsGroup: SIDECAR_UID,
  runAsNonRoot: true,
  runAsUser: SIDECAR_UID,
  seccompProfile: { type: 'RuntimeDefault' },
};

/** The agent. As a classic container it comes after Envoy, and keeps the application waiting for that. */
export function agentContainer(settings: InjectSettings, drainSeconds: number): Container {
  const { isClassic, tokenSource, ipFamilies } = settings;
  const readsToken = tokenSource === 'file';
  const any = ipFamilies === 'ipv4' ? '0.0.0.0' : '[::]';
  const hooks = {
    ...(isClassic && { postStart: { exec: { command: [NODE, '-e', WAIT_FOR_ENVOY] } } }),
    ...(drainSeconds > 0 && { preStop: { exec: { command: [NODE, '-e', DRAIN_ENVOY] } } }),
  };
  return {
    name: AGENT,
    image: settings.agentImage,
    ...pullPolicy(settings),
    ...(!isClassic && { restartPolicy: 'Always' }),
    args: [
      'agent',
      `--socket=${SOCKET_PATH}`,
      ...identityArgs(settings),
      ...caArgs(settings),
      `--cluster-id=${literal(settings.clusterId)}`,
      `--token-source=${tokenSource}`,
      ...(readsToken ? [`--token-file=${TOKEN_PATH}`] : []),
      '--namespace=$(POD_NAMESPACE)',
      '--service-account=$(SERVICE_ACCOUNT)',
      `--trust-domain=${settings.trustDomain.name}`,
      ...lifeArgs(settings),
      `--status-address=${any}:${PORTS.agentStatus}`,
    ],
    env: [fromField('POD_NAMESPACE', 'metadata.namespace'), fromField('SERVICE_ACCOUNT', 'spec.serviceAccountName')],
    // Whether it holds a certificate is asked below: with --token-source stream it gets none before Envoy runs.
    startupProbe: { httpGet: { path: '/healthz/live', port: PORTS.agentStatus }, ...STARTUP_PROBE },
    readinessProbe: { httpGet: { path: '/healthz/ready', port: PORTS.agentStatus }, ...READINESS_PROBE },
    ...(Object.keys(hooks).length > 0 && { lifecycle: hooks }),
    ...resources(settings.agentRequests, settings.agentLimits),
    securityContext: RESTRICTED,
    volumeMounts: [
      { name: SOCKET_VOLUME, mountPath: SOCKET_DIRECTORY },
      ...(readsToken ? [TOKEN_MOUNT] : []),
      { name: ROOT_VOLUME, mountPath: ROOT_DIRECTORY, readOnly: true },
      ...(isMigrating(settings) ? MIGRATION_MOUNTS : []),
    ],
  };
}

/** It has mounted files as well. */
function isMigrating({ identitySource }: InjectSettings): boolean {
  return identitySource === 'file,ca';
}

function identityArgs(settings: InjectSettings): string[] {
  if (!isMigrating(settings)) return [];
  return [
    `--identity-source=${settings.identitySource}`,
    `--identity-dir=${IDENTITY_DIRECTORY}`,
    `--migration-step=${settings.migrationStep}`,
    `--migration-step-file=${STEP_DIRECTORY}/step`,
  ];
}

function caArgs({ caAddresses, caServerNames, caHeaders, certSigner }: InjectSettings): string[] {
  return [
    ...caAddresses.map((address) => `--ca-address=${hostPort(address)}`),
    `--ca-root=${ROOT_DIRECTORY}/root-cert.pem`,
    ...caServerNames.map((name) => `--ca-server-name=${name}`),
    ...caHeaders.map(({ name, value }) => `--ca-header=${name}=${literal(value)}`),
    ...(certSigner === undefined ? [] : [`--cert-signer=${literal(certSigner)}`]),
  ];
}

/** What is the agent's own default is left out: most pods have it. */
function lifeArgs({ ttlMs, renewAt, surviveCaOutageMs, keyType }: InjectSettings): string[] {
  return [
    `--ttl=${ttlMs / 1000}s`,
    ...(String(renewAt) === INJECT_OPTIONS.renewAt.default ? [] : [`--renew-at=${renewAt}`]),
    ...(surviveCaOutageMs === undefined ? [] : [`--survive-ca-outage=${surviveCaOutageMs / 1000}s`]),
    ...(keyType === INJECT_OPTIONS.keyType.default ? [] : [`--key-type=${keyType}`]),
  ];
}

/**
 * Envoy. Its bootstrap is an argument: nothing of it is secret, no file has to be brought, and what `kubectl get pod -o
 * yaml` shows is what runs.
 */
export function envoyContainer(settings: InjectSettings, proxy: SidecarProxy, drainSeconds: number): Container {
  const { isClassic } = settings;
  return {
    name: ENVOY,
    image: settings.envoyImage,
    ...pullPolicy(settings),
    ...(!isClassic && { restartPolicy: 'Always' }),
    args: [
      '--config-yaml',
      renderSidecarBootstrap(proxy),
      '--service-node',
      '$(POD_NAME).$(POD_NAMESPACE)',
      '--service-cluster',
      '$(SERVICE_ACCOUNT).$(POD_NAMESPACE)',
      '--concurrency',
      String(settings.concurrency),
      '--log-level',
      settings.envoyLogLevel,
      // It would want shared memory, and there is no other Envoy to take over from.
      '--disable-hot-restart',
      ...(drainSeconds > 0 ? ['--drain-time-s', String(drainSeconds)] : []),
    ],
    env: [
      fromField('POD_NAME', 'metadata.name'),
      fromField('POD_NAMESPACE', 'metadata.namespace'),
      fromField('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
      fromField('POD_IP', 'status.podIP'),
    ],
    startupProbe: { httpGet: { path: READY_PATH, port: PORTS.health }, ...STARTUP_PROBE },
    readinessProbe: { httpGet: { path: READY_PATH, port: PORTS.health }, ...READINESS_PROBE },
    ...(drainSeconds > 0 && envoyHooks(settings, drainSeconds)),
    ...resources(settings.envoyRequests, settings.envoyLimits),
    securityContext: RESTRICTED,
    volumeMounts: [
      // A read-only mount lets clients connect, and nothing else.
      { name: SOCKET_VOLUME, mountPath: SOCKET_DIRECTORY, readOnly: true },
      ...(passesToken(settings) ? [TOKEN_MOUNT] : []),
    ],
  };
}

function envoyHooks({ isClassic, agent }: InjectSettings, drainSeconds: number): object {
  // A native sidecar is ended after the application.
  if (isClassic) return { lifecycle: { preStop: { sleep: { seconds: drainSeconds } } } };
  return agent === 'node' ? { lifecycle: { preStop: { exec: { command: ['/bin/bash', '-c', DRAIN_BY_BASH] } } } } : {};
}

/** Makes the rules that lead traffic to Envoy, and ends. The one container that is not restricted. */
export function captureContainer(settings: InjectSettings, rules: CaptureRules): Container {
  const isNft = settings.capture === 'nftables';
  return {
    name: CAPTURE,
    image: settings.captureImage,
    ...pullPolicy(settings),
    ...(isNft
      ? { command: ['nft'], args: [nftablesRules(rules)] }
      : { command: ['sh', '-ec'], args: [iptablesScript(rules, familiesOf(settings))] }),
    resources: {
      requests: { cpu: '10m', memory: '16Mi' },
      limits: { memory: '64Mi' },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      // The older kind of iptables opens a raw socket, and a lock in /run.
      capabilities: { drop: ['ALL'], add: isNft ? ['NET_ADMIN'] : ['NET_ADMIN', 'NET_RAW'] },
      readOnlyRootFilesystem: isNft,
      runAsGroup: 0,
      runAsNonRoot: false,
      runAsUser: 0,
      seccompProfile: { type: 'RuntimeDefault' },
    },
  };
}

/**
 * The volumes of agent and Envoy. Keys and certificates are in none of them, but in that of the Secret from which the
 * pod moves away.
 */
export function sidecarVolumes(settings: InjectSettings, serviceAccount: string): Volume[] {
  const { tokenAudience: audience, tokenExpirationSeconds: expirationSeconds } = settings;
  const token = {
    name: TOKEN_VOLUME,
    projected: { sources: [{ serviceAccountToken: { path: 'istio-token', audience, expirationSeconds } }] },
  };
  if (settings.agent === 'node') {
    return [{ name: SOCKET_VOLUME, hostPath: { path: settings.nodeSocketDirectory, type: 'Directory' } }, token];
  }
  return [
    { name: SOCKET_VOLUME, emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    token,
    rootVolume(settings),
    ...migrationVolumes(settings, serviceAccount),
  ];
}

function rootVolume({ rootConfigMap, rootKey, rootTrustBundle }: InjectSettings): Volume {
  const path = 'root-cert.pem';
  if (rootTrustBundle === undefined) {
    return { name: ROOT_VOLUME, configMap: { name: rootConfigMap, items: [{ key: rootKey, path }] } };
  }
  return { name: ROOT_VOLUME, projected: { sources: [{ clusterTrustBundle: { name: rootTrustBundle, path } }] } };
}

/** Both may be missing: the pod starts after the Secret is gone, and before there is a step. */
function migrationVolumes(settings: InjectSettings, serviceAccount: string): Volume[] {
  if (!isMigrating(settings)) return [];
  const secretName = settings.identitySecret ?? `istio.${serviceAccount}`;
  return [
    { name: IDENTITY_VOLUME, secret: { secretName, optional: true } },
    { name: STEP_VOLUME, configMap: { name: settings.migrationConfigMap, optional: true } },
  ];
}

const MIGRATION_MOUNTS = [
  { name: IDENTITY_VOLUME, mountPath: IDENTITY_DIRECTORY, readOnly: true },
  { name: STEP_VOLUME, mountPath: STEP_DIRECTORY, readOnly: true },
];

const TOKEN_MOUNT = { name: TOKEN_VOLUME, mountPath: TOKEN_DIRECTORY, readOnly: true };

/** Programs for Node.js, which the agent's image has; it has no shell. */
const WAIT_FOR_ENVOY = [
  'const again = () => setTimeout(ask, 200)',
  `const ask = () => http.get('http://localhost:${PORTS.health}${READY_PATH}', (answer) => {`,
  '  answer.resume()',
  '  if (answer.statusCode !== 200) again()',
  "}).on('error', again)",
  'ask()',
].join('\n');

/** Responses tell callers to open other connections. */
const DRAIN_PATH = '/drain_listeners?graceful&skip_exit&inboundonly';
const DRAIN_ENVOY = `http.request({ port: ${PORTS.admin}, path: '${DRAIN_PATH}', method: 'POST' }).end()`;

/** The same where there is no agent: Envoy's own image has bash. */
const DRAIN_BY_BASH = `exec 3<>/dev/tcp/127.0.0.1/${PORTS.admin}; printf 'POST ${DRAIN_PATH} HTTP/1.1\\r\\nHost: envoy\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3 >/dev/null`;

function pullPolicy({ imagePullPolicy }: InjectSettings): { imagePullPolicy?: string } {
  return imagePullPolicy === undefined ? {} : { imagePullPolicy };
}

function resources(requests: Quantities, limits: Quantities): { resources?: object } {
  const both = {
    ...(Object.keys(requests).length > 0 && { requests }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
  return Object.keys(both).length > 0 ? { resources: both } : {};
}

function fromField(name: string, fieldPath: string): object {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

function hostPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
