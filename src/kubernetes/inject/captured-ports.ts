import type { InjectSettings } from '../../config/index.js';
import type { AppProbe } from '../../envoy-bootstrap/index.js';
import type { CaptureRules } from './capture-rules.js';
import { PORTS } from './names.js';

/** Which rules a pod needs; `undefined`: none. */
export function captureRules(settings: InjectSettings, probes: readonly AppProbe[]): CaptureRules | undefined {
  const { capture, inbound, upstreams, outboundPorts, inboundPorts, excludeInboundPorts } = settings;
  if (capture === 'none') return undefined;
  const toUpstreams = [...new Set([...upstreams.map(({ port }) => port), ...outboundPorts])];
  // What the kubelet asks, in plain text.
  const asked = [PORTS.agentStatus, PORTS.health, ...grpcProbePorts(probes)];
  return {
    inbound: inbound === 'off' ? undefined : { ports: inboundPorts, exclude: [...asked, ...excludeInboundPorts] },
    outbound: toUpstreams.length === 0 ? undefined : { ports: toUpstreams, exclude: settings.excludeOutboundPorts },
  };
}

/** Whether what comes to this port of the application is led to Envoy. */
export function isCaptured(settings: InjectSettings, port: number): boolean {
  const { capture, inbound, inboundPorts, excludeInboundPorts } = settings;
  if (capture === 'none' || inbound === 'off' || excludeInboundPorts.includes(port)) return false;
  return inboundPorts.includes('*') || inboundPorts.includes(port);
}

/** Ports of Envoy at which gRPC probes are answered. */
export function grpcProbePorts(probes: readonly AppProbe[]): number[] {
  return [...new Set(probes.flatMap((probe) => (probe.kind === 'grpc' ? [probe.listenPort] : [])))];
}
