import type { InjectSettings } from '../../config/index.js';
import { captureRules, isCaptured } from './captured-ports.js';
import { conflicts } from './conflicts.js';
import { drainSecondsOf, withPause } from './draining.js';
import { type InjectionStatus, injectionStatus, statusOf } from './injection-status.js';
import { DEFAULT_CONTAINER, STATUS_ANNOTATION } from './names.js';
import type { Container, Metadata, Pod } from './pod.js';
import { settingsOf } from './pod-settings.js';
import { gotExpected, type PodProblem, readPod } from './pod-shape.js';
import { type ProbeFindings, redirectProbes } from './probes.js';
import { sidecarProxyOf } from './sidecar-proxy-of.js';
import { agentContainer, captureContainer, envoyContainer, sidecarVolumes } from './sidecars.js';
import { decideToSkip } from './skip-reason.js';
import { uninjectPod } from './uninject-pod.js';

/** What became of one pod. */
export type PodResult =
  | { readonly kind: 'changed'; readonly pod: Pod; readonly warnings: readonly string[] }
  /** It stays as it is. */
  | { readonly kind: 'skipped'; readonly reason: string; readonly warnings: readonly string[] }
  | { readonly kind: 'invalid'; readonly problems: readonly PodProblem[] };

/**
 * Gives a pod, or the template of one, its agent and its Envoy. One that has them already gets those of these settings.
 * Pure: `version` is written into the annotation that {@link withoutInjection} reads.
 */
export function injectPod(value: unknown, settings: InjectSettings, version: string): PodResult {
  const read = readPod(value);
  if ('problems' in read) return { kind: 'invalid', problems: read.problems };
  const { reason, warnings } = decideToSkip(read.pod);
  if (reason !== undefined) return { kind: 'skipped', reason, warnings };
  const found = injectionStatus(read.pod);
  if ('problem' in found) return { kind: 'invalid', problems: [found.problem] };
  const pod = found.status === undefined ? read.pod : uninjectPod(read.pod, found.status);
  const { settings: own, problems } = settingsOf(pod, settings);
  if (problems.length > 0) return { kind: 'invalid', problems };
  return inject(pod, own, version, warnings);
}

/** The pod as it was before {@link injectPod}. */
export function withoutInjection(value: unknown): PodResult {
  const read = readPod(value);
  if ('problems' in read) return { kind: 'invalid', problems: read.problems };
  const found = injectionStatus(read.pod);
  if ('problem' in found) return { kind: 'invalid', problems: [found.problem] };
  if (found.status === undefined) return { kind: 'skipped', reason: 'not injected', warnings: [] };
  return { kind: 'changed', pod: uninjectPod(read.pod, found.status), warnings: [] };
}

function inject(pod: Pod, settings: InjectSettings, version: string, warnings: readonly string[]): PodResult {
  const { spec } = pod;
  const app = changedContainers(pod, settings);
  const port = appPortOf(pod, settings);
  const problems = [
    ...conflicts(pod, settings, app.findings.probes),
    ...app.findings.problems,
    ...(port.problem === undefined ? [] : [port.problem]),
  ];
  if (problems.length > 0) return { kind: 'invalid', problems };

  const drainSeconds = drainSecondsOf(pod, settings);
  const agent = settings.agent === 'node' ? [] : [agentContainer(settings, drainSeconds)];
  const envoy = envoyContainer(settings, sidecarProxyOf(settings, app.findings.probes, port.appPort), drainSeconds);
  const tooLong = argumentProblem(envoy);
  if (tooLong !== undefined) return { kind: 'invalid', problems: [tooLong] };
  const rules = captureRules(settings, app.findings.probes);
  const capture = rules === undefined ? [] : [captureContainer(settings, rules)];
  // Native: the rules first, so that no container starts without them; then agent and Envoy, which are ended last.
  // Classic: the rules last, as Envoy does not run yet while other init containers do.
  const { isClassic } = settings;
  const injection = {
    initContainers: isClassic ? capture : [...capture, ...agent, envoy],
    containers: isClassic ? [envoy, ...agent] : [],
    volumes: sidecarVolumes(settings, spec.serviceAccountName ?? 'default'),
    changed: [...app.containers, ...app.initContainers],
  };
  const lists = [injection.initContainers, app.initContainers];
  const initContainers = (isClassic ? lists.toReversed() : lists).flat();
  return {
    kind: 'changed',
    warnings: [...warnings, ...classicWarnings(pod, settings), ...port.warnings],
    pod: {
      ...pod,
      metadata: withAnnotations(pod, statusOf(pod, version, injection)),
      spec: {
        ...spec,
        ...(initContainers.length > 0 && { initContainers }),
        containers: [...injection.containers, ...app.containers],
        volumes: [...(spec.volumes ?? []), ...injection.volumes],
      },
    },
  };
}

/** The containers of the application, with the kubelet's requests led to Envoy and time to end in. */
function changedContainers(
  pod: Pod,
  settings: InjectSettings,
): { findings: ProbeFindings; containers: readonly Container[]; initContainers: readonly Container[] } {
  const seconds = drainSecondsOf(pod, settings);
  const findings: ProbeFindings = { probes: [], problems: [], isCaptured: (port) => isCaptured(settings, port) };
  const change = (container: Container, field: string): Container =>
    withPause(redirectProbes(container, field, findings), seconds);
  const { containers, initContainers } = pod.spec;
  return {
    findings,
    containers: containers.map((container, index) => change(container, `spec.containers[${index}]`)),
    initContainers: (initContainers ?? []).map((container, index) =>
      // Others end before the kubelet asks anything.
      container.restartPolicy === 'Always' ? change(container, `spec.initContainers[${index}]`) : container,
    ),
  };
}

interface AppPort {
  /** `undefined` where Envoy has no need of it, or nothing to pass on. */
  readonly appPort?: number | undefined;
  readonly problem?: PodProblem;
  readonly warnings: readonly string[];
}

/** Without rules, Envoy has to be told which port the application has: one, as Envoy's own is one. */
function appPortOf({ spec }: Pod, { capture, appPort, inbound }: InjectSettings): AppPort {
  if (capture !== 'none' || inbound === 'off') return { warnings: [] };
  if (appPort !== undefined) return { appPort, warnings: [] };
  const declared = spec.containers
    .flatMap(({ ports }) => ports ?? [])
    .filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP');
  const [first, ...others] = new Set(declared.map(({ containerPort }) => containerPort));
  const field = 'spec.containers';
  if (first === undefined) {
    return { warnings: [`${field}: got no port, and no app-port, with capture none: Envoy takes no calls`] };
  }
  if (others.length === 0) return { appPort: first, warnings: [] };
  const text = `got the ports ${[first, ...others].join(', ')}, expected one, or app-port, with capture none`;
  return { problem: { field, text }, warnings: [] };
}

/** What the kernel takes as one argument of a program, less room for an address. (execve(2), MAX_ARG_STRLEN) */
const MAX_ARGUMENT_BYTES = 131_000;

function argumentProblem({ args }: Container): PodProblem | undefined {
  const bytes = Math.max(...(Array.isArray(args) ? args : []).map((arg) => Buffer.byteLength(String(arg))));
  if (bytes <= MAX_ARGUMENT_BYTES) return undefined;
  const text = `got a bootstrap of ${bytes} bytes, expected at most ${MAX_ARGUMENT_BYTES}: with fewer upstreams`;
  return { field: 'metadata.annotations', text };
}

function classicWarnings({ spec }: Pod, { isClassic }: InjectSettings): string[] {
  const isToEnd = spec.restartPolicy === 'Never' || spec.restartPolicy === 'OnFailure';
  if (!isClassic || !isToEnd) return [];
  const text = gotExpected(spec.restartPolicy, 'Always with classic sidecars');
  return [`spec.restartPolicy: ${text}: they run on when the application has ended`];
}

function withAnnotations({ metadata, spec }: Pod, status: InjectionStatus): Metadata {
  const annotations = {
    ...metadata?.annotations,
    [STATUS_ANNOTATION]: JSON.stringify(status),
    ...(status.annotations.includes(DEFAULT_CONTAINER) && { [DEFAULT_CONTAINER]: spec.containers[0]?.name ?? '' }),
  };
  return { ...metadata, annotations };
}
