import type { InjectSettings } from '../../config/index.js';
import type { AppProbe } from '../../envoy-bootstrap/index.js';
import type { CaptureRules } from './capture-rules.js';
import { type CreatedField, type InjectionStatus, injectionStatus, REPLACED_FIELDS } from './injection-status.js';
import {
  AGENT,
  CAPTURE,
  DEFAULT_CONTAINER,
  ENVOY,
  ISTIO_INJECT,
  ISTIO_STATUS,
  PORTS,
  SIDECAR_UID,
  STATUS_ANNOTATION,
} from './names.js';
import type { Container, Fields, Metadata, Pod, Volume } from './pod.js';
import { settingsOf } from './pod-settings.js';
import { gotExpected, type PodProblem, readPod } from './pod-shape.js';
import { type ProbeFindings, redirectProbes } from './probes.js';
import { sidecarProxyOf } from './sidecar-proxy-of.js';
import { agentContainer, captureContainer, envoyContainer, sidecarVolumes } from './sidecars.js';
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
  const warnings: string[] = [];
  const reason = reasonToSkip(read.pod, warnings);
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

/** As Istio decides: the host's network never, the label before the annotation, another word is no answer. */
function reasonToSkip({ metadata, spec }: Pod, warnings: string[]): string | undefined {
  if (spec.hostNetwork === true) return 'hostNetwork is true: its traffic is that of the node';
  if (spec.os?.name && spec.os.name !== 'linux') return `os.name is ${spec.os.name}: sidecars are for linux`;
  for (const where of ['labels', 'annotations'] as const) {
    const answer = metadata?.[where]?.[ISTIO_INJECT];
    if (answer === 'false') return `${where.slice(0, -1)} ${ISTIO_INJECT} is false`;
    if (answer === 'true') break;
    if (answer !== undefined) {
      warnings.push(
        `metadata.${where}[${JSON.stringify(ISTIO_INJECT)}]: ${gotExpected(answer, 'true or false')}; ignored`,
      );
    }
  }
  const isIstios = metadata?.annotations?.[ISTIO_STATUS] !== undefined;
  return isIstios ? `injected by Istio already: annotation ${ISTIO_STATUS} is there` : undefined;
}

function inject(pod: Pod, settings: InjectSettings, version: string, warnings: readonly string[]): PodResult {
  const findings: ProbeFindings = { probes: [], problems: [] };
  const { spec } = pod;
  const draining = { seconds: drainOf(pod, settings) };
  const isInboundCaptured = settings.capture !== 'none' && settings.inbound !== 'off';
  const change = (container: Container, field: string): Container => {
    const redirected = isInboundCaptured ? redirectProbes(container, field, findings) : container;
    return draining.seconds > 0 ? withPause(redirected, draining.seconds) : redirected;
  };
  const containers = spec.containers.map((container, index) => change(container, `spec.containers[${index}]`));
  const initContainers = (spec.initContainers ?? []).map((container, index) =>
    // Others end before the pod is one that is asked.
    container.restartPolicy === 'Always' ? change(container, `spec.initContainers[${index}]`) : container,
  );
  const problems = [...conflicts(pod, settings, findings.probes), ...findings.problems];
  const appPort = settings.capture === 'none' ? appPortOf(pod, settings, problems) : undefined;
  const isClientOnly = settings.capture === 'none' && settings.inbound !== 'off' && appPort === undefined;
  if (problems.length > 0) return { kind: 'invalid', problems };

  const agent = agentContainer(settings, draining);
  const envoy = envoyContainer(settings, sidecarProxyOf(settings, findings.probes, appPort), draining);
  const rules = captureRules(settings, findings.probes);
  const capture = rules === undefined ? [] : [captureContainer(settings, rules)];
  const volumes = sidecarVolumes(settings);
  // Native: the rules first, so that no container starts without them; then agent and Envoy, which are ended last.
  // Classic: the rules last, as Envoy does not run yet while other init containers do.
  const added = settings.isClassic
    ? { initContainers: capture, containers: [envoy, agent] }
    : { initContainers: [...capture, agent, envoy], containers: [] };
  const allInit = settings.isClassic ? [...initContainers, ...capture] : [...added.initContainers, ...initContainers];
  const status = statusOf(pod, version, added, volumes, [...containers, ...initContainers]);
  return {
    kind: 'changed',
    warnings: [...warnings, ...classicWarnings(settings, pod), ...(isClientOnly ? [NO_PORT] : [])],
    pod: {
      ...pod,
      metadata: withAnnotations(pod, status),
      spec: {
        ...spec,
        ...(allInit.length > 0 && { initContainers: allInit }),
        containers: [...added.containers, ...containers],
        volumes: [...(spec.volumes ?? []), ...volumes],
      },
    },
  };
}

const NO_PORT = 'spec.containers: got no port, and no app-port, with capture none: Envoy takes no calls';

function classicWarnings({ isClassic }: InjectSettings, { spec }: Pod): string[] {
  const isToEnd = spec.restartPolicy === 'Never' || spec.restartPolicy === 'OnFailure';
  return isClassic && isToEnd
    ? [
        `spec.restartPolicy: ${gotExpected(spec.restartPolicy, 'Always with classic sidecars')}, which run on when the application has ended`,
      ]
    : [];
}

/** Less than the time in which the pod has to end. (Kubernetes, "SleepAction v1 core") */
function drainOf({ spec }: Pod, { drainSeconds, inbound }: InjectSettings): number {
  /** (Kubernetes, "PodSpec v1 core") */
  const defaultGraceSeconds = 30;
  if (inbound === 'off') return 0;
  return Math.max(0, Math.min(drainSeconds, (spec.terminationGracePeriodSeconds ?? defaultGraceSeconds) - 1));
}

/** An application that ends at once refuses the calls that come until all callers have heard of it. */
function withPause(container: Container, seconds: number): Container {
  if (container.lifecycle?.preStop) return container;
  return { ...container, lifecycle: { ...container.lifecycle, preStop: { sleep: { seconds } } } };
}

function withAnnotations({ metadata, spec }: Pod, status: InjectionStatus): Metadata {
  const annotations = {
    ...metadata?.annotations,
    [STATUS_ANNOTATION]: JSON.stringify(status),
    ...(status.annotations.includes(DEFAULT_CONTAINER) && { [DEFAULT_CONTAINER]: spec.containers[0]?.name ?? '' }),
  };
  return { ...metadata, annotations };
}

function statusOf(
  pod: Pod,
  version: string,
  added: { readonly initContainers: readonly Container[]; readonly containers: readonly Container[] },
  volumes: readonly Volume[],
  changed: readonly Container[],
): InjectionStatus {
  const { metadata, spec } = pod;
  const names = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name);
  const created: [CreatedField, unknown][] = [
    ['metadata', metadata],
    ['annotations', metadata?.annotations],
    ['initContainers', spec.initContainers],
    ['volumes', spec.volumes],
  ];
  // The first container is what kubectl means by default; in classic mode that is ours.
  const isFirstNamed = metadata?.annotations?.[DEFAULT_CONTAINER] !== undefined;
  const before = new Map([...spec.containers, ...(spec.initContainers ?? [])].map((one) => [one.name, one]));
  const replaced = changed.flatMap((after): [string, Fields][] => {
    const old = before.get(after.name);
    const fields = REPLACED_FIELDS.filter((name) => old?.[name] !== after[name]);
    return fields.length === 0
      ? []
      : [[after.name, Object.fromEntries(fields.map((name) => [name, old?.[name] ?? null]))]];
  });
  return {
    version,
    initContainers: names(added.initContainers),
    containers: names(added.containers),
    volumes: names(volumes),
    annotations: added.containers.length > 0 && !isFirstNamed ? [DEFAULT_CONTAINER] : [],
    created: created.flatMap(([name, value]) => (value === undefined || value === null ? [name] : [])),
    replaced: Object.fromEntries(replaced),
  };
}

/** What of the pod an injection cannot live with. */
function conflicts({ spec }: Pod, settings: InjectSettings, probes: readonly AppProbe[]): PodProblem[] {
  const problems: PodProblem[] = [];
  const volumes = new Set(sidecarVolumes(settings).map(({ name }) => name));
  const own = new Set<number>([
    ...Object.values(PORTS).filter((port) => port !== PORTS.grpcProbes),
    ...grpcPorts(probes),
  ]);
  const look = (containers: readonly Container[], list: string): void => {
    containers.forEach(({ name, ports, securityContext }, index) => {
      const field = `spec.${list}[${index}]`;
      if ([AGENT, ENVOY, CAPTURE].includes(name)) {
        problems.push({
          field: `${field}.name`,
          text: gotExpected(name, 'another name: it is that of a container to be injected'),
        });
      }
      const uid = securityContext?.runAsUser ?? spec.securityContext?.runAsUser;
      if (uid === SIDECAR_UID && settings.capture !== 'none') {
        problems.push({
          field:
            securityContext?.runAsUser === SIDECAR_UID
              ? `${field}.securityContext.runAsUser`
              : 'spec.securityContext.runAsUser',
          text: gotExpected(uid, "another user: it is Envoy's, whose traffic is not captured"),
        });
      }
      ports?.forEach(({ containerPort, protocol }, at) => {
        if (own.has(containerPort) && (protocol ?? 'TCP') === 'TCP') {
          problems.push({
            field: `${field}.ports[${at}].containerPort`,
            text: gotExpected(containerPort, 'another port: it is one of the sidecar'),
          });
        }
      });
    });
  };
  look(spec.containers, 'containers');
  look(spec.initContainers ?? [], 'initContainers');
  (spec.volumes ?? []).forEach(({ name }, index) => {
    if (volumes.has(name)) {
      problems.push({
        field: `spec.volumes[${index}].name`,
        text: gotExpected(name, 'another name: it is that of a volume to be injected'),
      });
    }
  });
  if (spec.containers.length === 0)
    problems.push({ field: 'spec.containers', text: 'got none, expected at least one' });
  return problems;
}

/** Without rules that redirect, connections are led by the Service: to Envoy, and by Envoy to this port. */
function appPortOf({ spec }: Pod, { appPort, inbound }: InjectSettings, problems: PodProblem[]): number | undefined {
  if (inbound === 'off' || appPort !== undefined) return appPort;
  const declared = spec.containers
    .flatMap(({ ports }) => ports ?? [])
    .filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP');
  const ports = [...new Set(declared.map(({ containerPort }) => containerPort))];
  if (ports.length > 1) {
    const text = `got the ports ${ports.join(', ')}, expected one, or app-port, with capture none and inbound ${inbound}`;
    problems.push({ field: 'spec.containers', text });
  }
  return ports[0];
}

function captureRules(settings: InjectSettings, probes: readonly AppProbe[]): CaptureRules | undefined {
  const { capture, inbound, upstreams, outboundPorts } = settings;
  if (capture === 'none') return undefined;
  const toUpstreams = [...new Set([...upstreams.map(({ port }) => port), ...outboundPorts])];
  return {
    inbound:
      inbound === 'off'
        ? undefined
        : {
            ports: settings.inboundPorts,
            // What the kubelet asks, in plain text.
            exclude: [PORTS.agentStatus, PORTS.health, ...grpcPorts(probes), ...settings.excludeInboundPorts],
          },
    outbound: toUpstreams.length === 0 ? undefined : { ports: toUpstreams, exclude: settings.excludeOutboundPorts },
  };
}

function grpcPorts(probes: readonly AppProbe[]): number[] {
  return [...new Set(probes.flatMap((probe) => (probe.kind === 'grpc' ? [probe.listenPort] : [])))];
}
