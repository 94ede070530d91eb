import type { AppProbe } from '../../envoy-bootstrap/index.js';
import { PORTS } from './names.js';
import type { Action, Container, Probe } from './pod.js';
import { gotExpected, type PodProblem } from './pod-shape.js';

/** What the kubelet asks of a container, and the word for it in the path at which Envoy takes it. */
const PROBES = { livenessProbe: 'livez', readinessProbe: 'readyz', startupProbe: 'startupz' } as const;

/** Requests at the begin and the end of a container come by the same way. */
const HOOKS = { postStart: 'poststart', preStop: 'prestop' } as const;

/** Seconds between two probes, where a probe does not say it. (Kubernetes, "Probe v1 core") */
const DEFAULT_PERIOD_SECONDS = 10;

/** All that redirections of a pod's probes find. */
export interface ProbeFindings {
  readonly probes: AppProbe[];
  readonly problems: PodProblem[];
  /** Whether what comes to a port of the application is led to Envoy. */
  isCaptured(port: number): boolean;
}

/**
 * Where the kubelet's plain requests would end at a port that wants mutual TLS, they go to a port of Envoy's, which
 * passes on these requests and no others. What asks another host, or a port that is not captured, is left as it is.
 */
export function redirectProbes(container: Container, field: string, findings: ProbeFindings): Container {
  const redirect = <A extends Action>(action: A, word: string, where: string): A =>
    redirected(action, {
      container,
      path: `/app-health/${container.name}/${word}`,
      field: `${field}.${where}`,
      findings,
    });
  const changed: Record<string, unknown> = {};
  for (const [key, word] of entriesOf(PROBES)) {
    const probe = container[key];
    if (probe) changed[key] = redirect(probe, word, key);
  }
  const hooks: Record<string, unknown> = {};
  for (const [key, word] of entriesOf(HOOKS)) {
    const hook = container.lifecycle?.[key];
    // A hook that only connects is deprecated, and always fails. (Kubernetes, "LifecycleHandler v1 core")
    if (hook?.httpGet) hooks[key] = redirect(hook, word, `lifecycle.${key}`);
  }
  if (Object.keys(hooks).length > 0) changed.lifecycle = { ...container.lifecycle, ...hooks };
  return { ...container, ...changed };
}

interface Redirection {
  readonly container: Container;
  /** At which Envoy takes the request. */
  readonly path: string;
  readonly field: string;
  readonly findings: ProbeFindings;
}

/** The same action at a port of Envoy's. */
function redirected<A extends Probe>(action: A, { container, path, field, findings }: Redirection): A {
  const { httpGet, tcpSocket, grpc, ...rest } = action;
  const portOf = (port: number | string, way: string): number =>
    portNumber(container, port, `${field}.${way}.port`, findings.problems);
  // Each branch gives back the fields of A, with one of the three ways in another's place.
  if (httpGet && !httpGet.host) {
    const port = portOf(httpGet.port, 'httpGet');
    if (!findings.isCaptured(port)) return action;
    const { scheme, ...kept } = httpGet;
    const [appPath, query] = pathAndQuery(httpGet.path ?? '/');
    findings.probes.push({ kind: 'http', path, appPath, port, isTls: scheme === 'HTTPS' });
    return { ...rest, httpGet: { ...kept, path: `${path}${query}`, port: PORTS.health } } as unknown as A;
  }
  if (tcpSocket && !tcpSocket.host) {
    const port = portOf(tcpSocket.port, 'tcpSocket');
    if (!findings.isCaptured(port)) return action;
    findings.probes.push({ kind: 'tcp', path, port, periodSeconds: action.periodSeconds || DEFAULT_PERIOD_SECONDS });
    return { ...rest, httpGet: { path, port: PORTS.health } } as unknown as A;
  }
  if (grpc && findings.isCaptured(grpc.port)) {
    const listenPort = grpcPort(grpc.port, findings.probes);
    findings.probes.push({ kind: 'grpc', port: grpc.port, listenPort });
    return { ...rest, grpc: { ...grpc, port: listenPort } } as unknown as A;
  }
  return action;
}

/** A gRPC probe has no path to tell it by: each port of the application has one of Envoy's. */
function grpcPort(port: number, probes: readonly AppProbe[]): number {
  const ports = [...new Set(probes.flatMap((probe) => (probe.kind === 'grpc' ? [probe.port] : [])))];
  return PORTS.grpcProbes + (ports.includes(port) ? ports.indexOf(port) : ports.length);
}

function pathAndQuery(path: string): [path: string, query: string] {
  const at = path.indexOf('?');
  const [before, query] = at < 0 ? [path, ''] : [path.slice(0, at), path.slice(at)];
  return [before.startsWith('/') ? before : `/${before}`, query];
}

/** As the kubelet finds it: by the name of a port of the container, or else as a number. */
function portNumber({ ports }: Container, port: number | string, field: string, problems: PodProblem[]): number {
  if (typeof port === 'number') return port;
  const named = ports?.find(({ name }) => name === port)?.containerPort;
  const number = named ?? (/^\d{1,5}$/.test(port) ? Number(port) : 0);
  if (number >= 1 && number <= 65_535) return number;
  problems.push({ field, text: gotExpected(port, 'a port from 1 to 65535, or the name of a port of the container') });
  return 1;
}

function entriesOf<K extends string, V>(fields: Readonly<Record<K, V>>): [K, V][] {
  // Object literals of this module: they have no other keys.
  return Object.entries(fields) as [K, V][];
}
