import type { InjectSettings } from '../../config/index.js';
import { injectPod, type PodResult, withoutInjection } from './inject-pod.js';
import { readManifests } from './manifests.js';
import { at, field, isList, isWorkload, nameOf, podPlace } from './workloads.js';

/** What to do to each pod. */
export type InjectAction =
  | { readonly kind: 'inject'; readonly settings: InjectSettings; readonly version: string }
  | { readonly kind: 'uninject' };

/** What became of a file of manifests. */
export type KubeInjectResult =
  /** The file as it is to be applied; `notes` say what was left as it is, and why. */
  | { readonly kind: 'done'; readonly text: string; readonly notes: readonly string[] }
  | { readonly kind: 'invalid'; readonly problems: readonly string[] };

/**
 * Gives every pod of the manifests its agent and its Envoy, or takes them away. All else is left as it was written:
 * other documents, order, comments. Pure. `name` is that of the file, for the problems.
 */
export function kubeInject(name: string, text: string, action: InjectAction): KubeInjectResult {
  const read = readManifests(text);
  if ('problems' in read) {
    return {
      kind: 'invalid',
      problems: read.problems.map(({ line, column, text: problem }) => `${name}:${line}:${column}: ${problem}`),
    };
  }
  const report: Report = { notes: [], problems: [] };
  const values = read.file.manifests.map(({ value, line }) => withPods(value, `${name}:${line}`, action, report));
  if (report.problems.length > 0) return { kind: 'invalid', problems: report.problems };
  return { kind: 'done', text: read.file.withValues(values), notes: report.notes };
}

interface Report {
  readonly notes: string[];
  readonly problems: string[];
}

/** The object with its pods changed; `where` is the line of its document. */
function withPods(object: unknown, where: string, action: InjectAction, report: Report): unknown {
  if (isList(object)) {
    const items = field(object, 'items');
    const changed = Array.isArray(items) ? items.map((item) => withPods(item, where, action, report)) : items;
    return { ...Object(object), items: changed };
  }
  // A document of comments alone is nothing.
  if (typeof object !== 'object' || Array.isArray(object)) {
    report.problems.push(
      `${where}: got ${Array.isArray(object) ? 'a list' : 'a text or a number'}, expected an object of Kubernetes`,
    );
    return object;
  }
  const name = nameOf(object);
  const place = podPlace(object);
  if (place.kind === 'unknown-template')
    report.notes.push(`${name}: left as it is: its kind is not known, though it has a pod template`);
  if (place.kind === 'none' && isWorkload(object)) report.notes.push(`${name}: left as it is: no pod template`);
  if (place.kind !== 'pod') return object;
  const pod = at(object, place.path);
  const result = action.kind === 'inject' ? injectPod(pod, action.settings, action.version) : withoutInjection(pod);
  return objectAfter(object, place.path, result, { name, where, report });
}

interface Told {
  readonly name: string;
  readonly where: string;
  readonly report: Report;
}

function objectAfter(
  object: unknown,
  path: readonly string[],
  result: PodResult,
  { name, where, report }: Told,
): unknown {
  const prefix = path.length === 0 ? '' : `${path.join('.')}.`;
  switch (result.kind) {
    case 'invalid':
      for (const { field: place, text } of result.problems)
        report.problems.push(`${where}: ${name}: ${prefix}${place}: ${text}`);
      return object;
    case 'skipped':
      for (const warning of result.warnings) report.notes.push(`${name}: ${prefix}${warning}`);
      report.notes.push(`${name}: left as it is: ${result.reason}`);
      return object;
    case 'changed':
      for (const warning of result.warnings) report.notes.push(`${name}: ${prefix}${warning}`);
      return withValueAt(object, path, result.pod);
    default:
      return result satisfies never;
  }
}

function withValueAt(object: unknown, path: readonly string[], value: unknown): unknown {
  const [first, ...rest] = path;
  return first === undefined ? value : { ...Object(object), [first]: withValueAt(field(object, first), rest, value) };
}
