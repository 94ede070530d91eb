import { STATUS_ANNOTATION } from './names.js';
import type { Pod } from './pod.js';
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

/** Names of fields of containers that an injection replaces. */
export const REPLACED_FIELDS: readonly string[] = ['livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle'];

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
