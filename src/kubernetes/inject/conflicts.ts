import type { InjectSettings } from '../../config/index.js';
import type { AppProbe } from '../../envoy-bootstrap/index.js';
import { grpcProbePorts } from './captured-ports.js';
import {
  AGENT,
  CAPTURE,
  ENVOY,
  IDENTITY_VOLUME,
  PORTS,
  ROOT_VOLUME,
  SIDECAR_UID,
  SOCKET_VOLUME,
  STEP_VOLUME,
  TOKEN_VOLUME,
} from './names.js';
import type { Container, Pod, SecurityContext } from './pod.js';
import { gotExpected, type PodProblem } from './pod-shape.js';

const CONTAINERS = [AGENT, ENVOY, CAPTURE];
const VOLUMES = [SOCKET_VOLUME, TOKEN_VOLUME, ROOT_VOLUME, IDENTITY_VOLUME, STEP_VOLUME];

/** What of a pod stands in the way of an injection: names, ports and users that are those of the sidecar. */
export function conflicts({ spec }: Pod, settings: InjectSettings, probes: readonly AppProbe[]): PodProblem[] {
  const { grpcProbes: _, ...fixed } = PORTS;
  const ports = [...Object.values<number>(fixed), ...grpcProbePorts(probes)];
  const lists = [
    { field: 'spec.containers', containers: spec.containers },
    { field: 'spec.initContainers', containers: spec.initContainers ?? [] },
  ];
  const all = lists.flatMap(({ field, containers }) =>
    containers.map((container, index) => ({ field: `${field}[${index}]`, container })),
  );
  return [
    ...(spec.containers.length === 0 ? [problem('spec.containers', [], 'at least one')] : []),
    ...all.flatMap(({ field, container }, index) => [
      ...(all.findIndex((other) => other.container.name === container.name) < index
        ? [problem(`${field}.name`, container.name, 'each name once')]
        : []),
      ...nameConflict(`${field}.name`, container.name, CONTAINERS),
      ...portConflicts(field, container, ports),
      ...(settings.capture === 'none' ? [] : userConflict(`${field}.securityContext`, container.securityContext)),
    ]),
    ...(settings.capture === 'none' ? [] : userConflict('spec.securityContext', spec.securityContext)),
    ...(spec.volumes ?? []).flatMap(({ name }, index) => nameConflict(`spec.volumes[${index}].name`, name, VOLUMES)),
  ];
}

function nameConflict(field: string, name: string, taken: readonly string[]): PodProblem[] {
  return taken.includes(name) ? [problem(field, name, "another name: it is one of the sidecar's")] : [];
}

function portConflicts(field: string, { ports }: Container, taken: readonly number[]): PodProblem[] {
  return (ports ?? []).flatMap(({ containerPort, protocol }, index) =>
    taken.includes(containerPort) && (protocol ?? 'TCP') === 'TCP'
      ? [problem(`${field}.ports[${index}].containerPort`, containerPort, "another port: it is one of the sidecar's")]
      : [],
  );
}

function userConflict(field: string, context: SecurityContext | null | undefined): PodProblem[] {
  if (context?.runAsUser !== SIDECAR_UID) return [];
  return [problem(`${field}.runAsUser`, SIDECAR_UID, "another user: it is Envoy's, which is not captured")];
}

function problem(field: string, got: unknown, expected: string): PodProblem {
  return { field, text: gotExpected(got, expected) };
}
