import { DEFAULT_CONTAINER, STATUS_ANNOTATION } from './names.js';
import type { Container, Fields, Pod, Volume } from './pod.js';
import { gotExpected, type PodProblem } from './pod-shape.js';

/** What an injection added to a pod and replaced in it, so that it can be taken out again. Kept as an annotation. */
export interface InjectionStatus {
  readonly version: string;
  readonly initContainers: readonly string[];
  readonly containers: readonly string[];
  readonly volumes: readonly string[];
  readonly annotations: readonly string[];
  /** Fields that were not there at all: they go, when nothing is left in them. */
  readonly created: readonly CreatedField[];
  /** By container and field, what stood there before. */
  readonly replaced: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export type CreatedField = 'metadata' | 'annotations' | 'initContainers' | 'volumes';

const LISTS = ['initContainers', 'containers', 'volumes', 'annotations', 'created'] as const;

/** Fields of containers that an injection replaces. */
const REPLACED_FIELDS: readonly string[] = ['livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle'];

/** What the pod's annotation says, if it has one. */
export function injectionStatus(
  pod: Pod,
): { readonly status: InjectionStatus | undefined } | { readonly problem: PodProblem } {
  const text = pod.metadata?.annotations?.[STATUS_ANNOTATION];
  if (text === undefined) return { status: undefined };
  const value = parsed(text);
  // Each field has been looked at.
  if (isStatus(value)) return { status: value };
  const field = `metadata.annotations[${JSON.stringify(STATUS_ANNOTATION)}]`;
  return { problem: { field, text: gotExpected(text, 'what kube-inject wrote') } };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isStatus(value: unknown): value is InjectionStatus {
  if (!isRecord(value) || typeof value.version !== 'string') return false;
  const areLists = LISTS.every((name) => {
    const list = value[name];
    return Array.isArray(list) && list.every((item) => typeof item === 'string');
  });
  return (
    areLists &&
    isRecord(value.replaced) &&
    Object.values(value.replaced).every(
      (fields) => isRecord(fields) && Object.keys(fields).every((name) => REPLACED_FIELDS.includes(name)),
    )
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What an injection adds to a pod, and what it makes of its containers. */
export interface Injection {
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
  /** Those of the pod, of both lists, as they are now. */
  readonly changed: readonly Container[];
}

/** What has to be known to take an injection out of `pod` again. */
export function statusOf(pod: Pod, version: string, injection: Injection): InjectionStatus {
  const { metadata, spec } = pod;
  const before = new Map([...spec.containers, ...(spec.initContainers ?? [])].map((one) => [one.name, one]));
  const fields: readonly [CreatedField, unknown][] = [
    ['metadata', metadata],
    ['annotations', metadata?.annotations],
    ['initContainers', spec.initContainers],
    ['volumes', spec.volumes],
  ];
  // kubectl means the first container, unless it is told: where that is ours, it has to be.
  const isTold = metadata?.annotations?.[DEFAULT_CONTAINER] !== undefined;
  return {
    version,
    initContainers: namesOf(injection.initContainers),
    containers: namesOf(injection.containers),
    volumes: namesOf(injection.volumes),
    annotations: injection.containers.length > 0 && !isTold ? [DEFAULT_CONTAINER] : [],
    created: fields.flatMap(([name, value]) => (value === undefined || value === null ? [name] : [])),
    replaced: Object.fromEntries(injection.changed.flatMap((after) => replacedFields(before.get(after.name), after))),
  };
}

function replacedFields(before: Container | undefined, after: Container): [string, Fields][] {
  const names = REPLACED_FIELDS.filter((name) => before?.[name] !== after[name]);
  const old = Object.fromEntries(names.map((name) => [name, before?.[name] ?? null]));
  return names.length === 0 ? [] : [[after.name, old]];
}

function namesOf(list: readonly { readonly name: string }[]): string[] {
  return list.map(({ name }) => name);
}
