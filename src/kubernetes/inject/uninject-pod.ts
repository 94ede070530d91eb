import type { CreatedField, InjectionStatus } from './injection-status.js';
import { STATUS_ANNOTATION } from './names.js';
import type { Container, Fields, Metadata, Pod, PodSpec } from './pod.js';

/** The pod as it was before the injection that `status` tells of. Pure. */
export function uninjectPod(pod: Pod, status: InjectionStatus): Pod {
  const { spec } = pod;
  const isCreated = (field: CreatedField): boolean => status.created.includes(field);
  const restore = (container: Container): Container => restored(container, status.replaced[container.name]);
  const initContainers = spec.initContainers?.filter(({ name }) => !status.initContainers.includes(name)).map(restore);
  const volumes = spec.volumes?.filter(({ name }) => !status.volumes.includes(name));
  const without: PodSpec = {
    ...withField(
      withField(spec, 'initContainers', initContainers, isCreated('initContainers')),
      'volumes',
      volumes,
      isCreated('volumes'),
    ),
    containers: spec.containers.filter(({ name }) => !status.containers.includes(name)).map(restore),
  };
  const metadata = metadataWithout(pod.metadata ?? {}, status);
  const isBare = isCreated('metadata') && Object.keys(metadata).length === 0;
  const { metadata: _, ...rest } = pod;
  return isBare ? { ...rest, spec: without } : { ...pod, metadata, spec: without };
}

function metadataWithout(metadata: Metadata, status: InjectionStatus): Metadata {
  const gone = [...status.annotations, STATUS_ANNOTATION];
  const kept = Object.entries(metadata.annotations ?? {}).filter(([name]) => !gone.includes(name));
  const { annotations: _, ...rest } = metadata;
  const isBare = kept.length === 0 && status.created.includes('annotations');
  return isBare ? rest : { ...metadata, annotations: Object.fromEntries(kept) };
}

/** The list in its field, or without the field when that was made for the list alone. */
function withField(spec: PodSpec, name: string, list: readonly Fields[] | undefined, isCreated: boolean): PodSpec {
  if (list === undefined) return spec;
  const { [name]: _, ...rest } = spec;
  // Only lists that may be absent are taken out.
  return (list.length === 0 && isCreated ? rest : { ...spec, [name]: list }) as PodSpec;
}

function restored(container: Container, replaced: Readonly<Record<string, unknown>> | undefined): Container {
  if (replaced === undefined) return container;
  const fields = Object.entries({ ...container, ...replaced });
  // A field that was not there before is kept as null.
  return Object.fromEntries(fields.filter(([name, value]) => !(name in replaced && value === null))) as Container;
}
