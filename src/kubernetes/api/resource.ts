import { IdentityError } from '../../errors/index.js';

/** What is read of an object's metadata. (Kubernetes API, meta/v1 ObjectMeta) */
export interface ObjectMeta {
  readonly name: string;
  /** Empty for what has none, such as a namespace. */
  readonly namespace: string;
  readonly uid: string;
  /** Opaque: tells this state from another one. */
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  /** It is being deleted. */
  readonly isTerminating: boolean;
}

export interface KubernetesObject {
  readonly metadata: ObjectMeta;
}

/** A kind of object: where the API server has it, and how it is read. */
export interface Resource<T extends KubernetesObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** As paths and RBAC name it. */
  readonly plural: string;
  /**
   * What is kept of an object.
   * @throws IdentityError `ERR_KUBERNETES_RESPONSE_INVALID`.
   */
  read(metadata: ObjectMeta, fields: JsonObject): T;
}

/** A JSON object of which nothing has been checked. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Which objects of a resource, or which one. */
export interface Place {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

type Shape = Pick<Resource<KubernetesObject>, 'group' | 'version' | 'plural'>;

/** `/api/v1/namespaces/foo/configmaps/bar`. */
export function pathOf({ group, version, plural }: Shape, { namespace, name }: Place): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const within = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${within}/${plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

/** `foo/bar`, or as much of it as there is. */
export function placeText({ namespace, name }: Place): string {
  return [namespace, name].filter((part) => part !== undefined).join('/');
}

/** `v1`, `apps/v1`. */
export function apiVersionOf({ group, version }: Shape): string {
  return group === '' ? version : `${group}/${version}`;
}

/**
 * One object of a resource.
 * @throws IdentityError `ERR_KUBERNETES_RESPONSE_INVALID`: it has no metadata, or not what the resource wants.
 */
export function readObject<T extends KubernetesObject>(resource: Resource<T>, value: unknown): T {
  if (!isJsonObject(value) || !isJsonObject(value.metadata)) {
    throw unfit(resource.plural, 'no object', 'one with metadata');
  }
  const { name, namespace, uid, resourceVersion, labels, deletionTimestamp } = value.metadata;
  if (typeof name !== 'string' || name === '') throw unfit(resource.plural, 'an object without name', 'one with');
  return resource.read(
    {
      name,
      namespace: typeof namespace === 'string' ? namespace : '',
      uid: typeof uid === 'string' ? uid : '',
      resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : '',
      labels: textsIn(labels),
      isTerminating: typeof deletionTimestamp === 'string',
    },
    value,
  );
}

/** Those members of a JSON object that are texts. */
export function textsIn(value: unknown): Readonly<Record<string, string>> {
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => isText(entry[1])));
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `what` names where it was found. */
export function unfit(what: string, got: string, expected: string): IdentityError {
  return new IdentityError('ERR_KUBERNETES_RESPONSE_INVALID', `${what}: got ${got}, expected ${expected}`);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
