import { type KubernetesObject, type ObjectMeta, type Resource, textsIn } from './resource.js';

/** What the objects of a resource are. */
export type ObjectOf<R> = R extends Resource<infer T> ? T : never;

/** (core/v1 Namespace) Its metadata says whether it is terminating. */
export const NAMESPACES: Resource<KubernetesObject> = {
  ...{ group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces' },
  read: (metadata) => ({ metadata }),
};

/** (core/v1 ConfigMap) */
export interface ConfigMap extends KubernetesObject {
  readonly metadata: ObjectMeta;
  readonly data: Readonly<Record<string, string>>;
}

export const CONFIG_MAPS: Resource<ConfigMap> = {
  ...{ group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' },
  read: (metadata, { data }) => ({ metadata, data: textsIn(data) }),
};
