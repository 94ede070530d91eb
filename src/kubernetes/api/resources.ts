import {
  isJsonObject,
  type JsonObject,
  type KubernetesObject,
  type ObjectMeta,
  type Resource,
  textsIn,
} from './resource.js';

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

/** (core/v1 Pod) As much of it as says what it is made of. */
export interface RunningPod extends KubernetesObject {
  readonly phase: string;
  /** The names of its containers, init containers among them. */
  readonly containers: readonly string[];
  /** The Secrets that it mounts or has variables of, and the volume of each, if it is one. */
  readonly secrets: readonly { readonly name: string; readonly volume: string | undefined }[];
  /** The ConfigMaps that it mounts. */
  readonly configMaps: readonly string[];
}

export const PODS: Resource<RunningPod> = {
  ...{ group: '', version: 'v1', kind: 'Pod', plural: 'pods' },
  read(metadata, { spec, status }) {
    const [made, found] = [objectOf(spec), objectOf(status)];
    const volumes = objectsOf(made.volumes);
    const containers = [...objectsOf(made.initContainers), ...objectsOf(made.containers)];
    const { phase } = found;
    return {
      metadata,
      phase: typeof phase === 'string' ? phase : '',
      containers: containers.flatMap(({ name }) => textOf(name)),
      secrets: [...volumes.flatMap(secretsOfVolume), ...containers.flatMap(secretsOfVariables)],
      configMaps: volumes.flatMap(({ configMap }) => textOf(objectOf(configMap).name)),
    };
  },
};

function secretsOfVolume({ name: volume, secret, projected }: JsonObject): RunningPod['secrets'] {
  const parts = objectsOf(objectOf(projected).sources).map((source) => objectOf(source.secret).name);
  const names = [objectOf(secret).secretName, ...parts].flatMap(textOf);
  return names.map((name) => ({ name, volume: textOf(volume)[0] }));
}

function secretsOfVariables({ env, envFrom }: JsonObject): RunningPod['secrets'] {
  const ofKeys = objectsOf(env).map(({ valueFrom }) => objectOf(objectOf(valueFrom).secretKeyRef).name);
  const whole = objectsOf(envFrom).map(({ secretRef }) => objectOf(secretRef).name);
  return [...ofKeys, ...whole].flatMap(textOf).map((name) => ({ name, volume: undefined }));
}

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

function objectsOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function textOf(value: unknown): readonly string[] {
  return typeof value === 'string' ? [value] : [];
}
