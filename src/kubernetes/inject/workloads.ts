/** Where in an object a pod stands. */
export type PodPlace =
  | { readonly kind: 'pod'; readonly path: readonly string[] }
  /** An object that has pods, in a way that is not known here. */
  | { readonly kind: 'unknown-template' }
  | { readonly kind: 'none' };

const TEMPLATE = ['spec', 'template'];

/** API groups and kinds whose objects are, or make, pods. Versions come and go, the places stay. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  Pod: [],
  ReplicationController: TEMPLATE,
  'apps/Deployment': TEMPLATE,
  'apps/StatefulSet': TEMPLATE,
  'apps/DaemonSet': TEMPLATE,
  'apps/ReplicaSet': TEMPLATE,
  'extensions/Deployment': TEMPLATE,
  'extensions/DaemonSet': TEMPLATE,
  'extensions/ReplicaSet': TEMPLATE,
  'batch/Job': TEMPLATE,
  'batch/CronJob': ['spec', 'jobTemplate', 'spec', 'template'],
  'apps.openshift.io/DeploymentConfig': TEMPLATE,
};

/** Where the pod of an object stands. */
export function podPlace(object: unknown): PodPlace {
  const group = groupOf(field(object, 'apiVersion'));
  const kind = String(field(object, 'kind') ?? '');
  const name = group === '' ? kind : `${group}/${kind}`;
  const path = Object.hasOwn(PLACES, name) ? PLACES[name] : undefined;
  if (path !== undefined) {
    const isThere = path.length === 0 || at(object, path) !== undefined;
    return isThere ? { kind: 'pod', path } : { kind: 'none' };
  }
  const template = at(object, TEMPLATE) ?? field(object, 'template');
  return field(field(template, 'spec'), 'containers') === undefined ? { kind: 'none' } : { kind: 'unknown-template' };
}

/** Whether an object is of a kind of which each has pods. */
export function isWorkload(object: unknown): boolean {
  const group = groupOf(field(object, 'apiVersion'));
  const kind = String(field(object, 'kind') ?? '');
  return Object.hasOwn(PLACES, group === '' ? kind : `${group}/${kind}`);
}

/** `List`, and the lists that have the kind of their items in their name. */
export function isList(object: unknown): boolean {
  return /List$/.test(String(field(object, 'kind') ?? '')) && Array.isArray(field(object, 'items'));
}

/** `Deployment foo/httpbin`. */
export function nameOf(object: unknown): string {
  const metadata = field(object, 'metadata');
  const [kind, name, namespace] = [field(object, 'kind'), field(metadata, 'name'), field(metadata, 'namespace')];
  const generated = field(metadata, 'generateName');
  const full = [namespace, name ?? generated ?? '?'].filter((part) => typeof part === 'string').join('/');
  return `${typeof kind === 'string' ? kind : 'object'} ${full}`;
}

/** A field of an object of unknown shape. */
export function field(object: unknown, name: string): unknown {
  if (typeof object !== 'object' || object === null || !Object.hasOwn(object, name)) return undefined;
  // It is there, as its own.
  return (object as Record<string, unknown>)[name] ?? undefined;
}

export function at(object: unknown, path: readonly string[]): unknown {
  return path.reduce(field, object);
}

/** `apps` of `apps/v1`; empty for the core of Kubernetes. */
function groupOf(apiVersion: unknown): string {
  return typeof apiVersion === 'string' && apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
}
