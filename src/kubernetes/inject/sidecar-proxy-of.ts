import type { InjectSettings, SanMatcher } from '../../config/index.js';
import type { AppProbe, SidecarInbound, SidecarOutbound, SidecarProxy } from '../../envoy-bootstrap/index.js';
import { PORTS, SOCKET_DIRECTORY, TOKEN_DIRECTORY } from './names.js';

/** Where the agent and Envoy meet, and where the token is. */
export const SOCKET_PATH = `${SOCKET_DIRECTORY}/socket`;
export const TOKEN_PATH = `${TOKEN_DIRECTORY}/istio-token`;

/** The pod's address, which the kubelet puts in. */
const POD_IP = '$(POD_IP)';

/** A text of others in which the kubelet finds no variable. (Kubernetes, "Container v1 core", args) */
export function literal(text: string): string {
  return text.replaceAll('$', '$$$$');
}

export function familiesOf({ ipFamilies }: InjectSettings): readonly ('ipv4' | 'ipv6')[] {
  return ipFamilies === 'dual' ? ['ipv4', 'ipv6'] : [ipFamilies];
}

/** Whether Envoy brings the token: an agent of the node has no other way to know the pod. */
export function passesToken({ agent, tokenSource }: InjectSettings): boolean {
  return agent === 'node' || tokenSource === 'stream';
}

/** What the Envoy of a pod is to do. `appPort` is that of the application, where nothing is captured. */
export function sidecarProxyOf(
  settings: InjectSettings,
  probes: readonly AppProbe[],
  appPort: number | undefined,
): SidecarProxy {
  return {
    ipFamilies: familiesOf(settings),
    sds: {
      socketPath: SOCKET_PATH,
      tokenPassing: passesToken(settings) ? { kind: 'google_grpc', tokenFile: TOKEN_PATH } : { kind: 'none' },
      sdsApi: 'sotw',
      pollMs: 0,
      certificateName: 'default',
      bundleName: 'ROOTCA',
      // For ever: until Envoy has its secrets it is not ready, and the application is not started.
      initialFetchTimeoutMs: 0,
    },
    ports: PORTS,
    inbound: inboundOf(settings, appPort),
    outbound: outboundOf(settings),
    probes: probes.map((probe) => (probe.kind === 'http' ? { ...probe, appPath: literal(probe.appPath) } : probe)),
    podIp: POD_IP,
  };
}

function inboundOf(settings: InjectSettings, appPort: number | undefined): SidecarInbound | undefined {
  const { inbound, allow, trustDomain, tcpInboundPorts, capture } = settings;
  if (inbound === 'off' || (capture === 'none' && appPort === undefined)) return undefined;
  const anyWorkload: SanMatcher = { kind: 'prefix', value: `spiffe://${trustDomain.name}/` };
  return {
    target: appPort === undefined ? { kind: 'captured' } : { kind: 'port', port: appPort },
    isPermissive: inbound === 'permissive',
    allowedSans: allow.length > 0 ? allow : [anyWorkload],
    tcpPorts: tcpInboundPorts,
  };
}

function outboundOf({
  capture,
  upstreams,
  outboundPorts,
  maxConnectionAgeMs,
}: InjectSettings): SidecarOutbound | undefined {
  if (upstreams.length === 0 && outboundPorts.length === 0) return undefined;
  return { isCaptured: capture !== 'none', upstreams, maxConnectionAgeMs };
}
