import { ANNOTATION_PREFIX } from '../../config/index.js';

/**
 * Far above any pod that a node would start. Each container with probes, and each upstream of an annotation, is a part
 * of Envoy's bootstrap, which takes a millisecond and more to write: without bounds one request would keep the others
 * waiting for seconds.
 */
const MAX_CONTAINERS = 100;
const MAX_VOLUMES = 1000;
const MAX_ANNOTATION_CHARS = 8 * 1024;

/** Why a pod is too much to be injected: `FIELD: got X, expected Y`; `undefined` when it is not. Pure. */
export function tooLarge(pod: unknown): string | undefined {
  const spec = field(pod, 'spec');
  const containers = count(field(spec, 'containers')) + count(field(spec, 'initContainers'));
  if (containers > MAX_CONTAINERS) {
    return `spec.containers, spec.initContainers: got ${containers} of them, expected at most ${MAX_CONTAINERS}`;
  }
  const volumes = count(field(spec, 'volumes'));
  if (volumes > MAX_VOLUMES) return `spec.volumes: got ${volumes} of them, expected at most ${MAX_VOLUMES}`;
  const characters = annotationChars(field(field(pod, 'metadata'), 'annotations'));
  if (characters > MAX_ANNOTATION_CHARS) {
    return `metadata.annotations: got ${characters} characters of ${ANNOTATION_PREFIX}, expected at most ${MAX_ANNOTATION_CHARS}`;
  }
  return undefined;
}

function annotationChars(annotations: unknown): number {
  if (!isFields(annotations)) return 0;
  const ours = Object.entries(annotations).filter(([name]) => name.startsWith(ANNOTATION_PREFIX));
  return ours.reduce((sum, [name, text]) => sum + name.length + (typeof text === 'string' ? text.length : 0), 0);
}

function count(list: unknown): number {
  return Array.isArray(list) ? list.length : 0;
}

function field(value: unknown, name: string): unknown {
  return isFields(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
