import { createHash } from 'node:crypto';
import { CONFIG_MAPS, type KubernetesObject, type Resource } from '../api/index.js';

/** The ConfigMap that Istio's sidecars mount. (reference: Istio C36) */
export const ROOT_CONFIG_MAP = 'istio-ca-root-cert';

/** Its key. */
export const ROOT_KEY = 'root-cert.pem';

/** How Istio marks what it has written. (reference: Istio C36) */
export const ROOT_LABELS: Readonly<Record<string, string>> = { 'istio.io/config': 'true' };

/** Where Istio writes none: no workload of a mesh runs there. (reference: Istio C36) */
const WITHOUT_ROOTS: ReadonlySet<string> = new Set(['kube-public', 'kube-node-lease', 'local-path-storage']);

/** What is kept of the ConfigMap of a namespace: of the roots their hash, as there may be thousands of namespaces. */
export interface RootCopy extends KubernetesObject {
  readonly digest: string;
}

export const ROOT_COPIES: Resource<RootCopy> = {
  ...CONFIG_MAPS,
  read(metadata, fields) {
    const { data } = CONFIG_MAPS.read(metadata, fields);
    return { metadata, digest: digestOf(data[ROOT_KEY] ?? '') };
  },
};

export function digestOf(pem: string): string {
  return createHash('sha256').update(pem).digest('base64');
}

/**
 * Whether the roots have to be written into a namespace. Pure. Nothing can be made in one that is being deleted, and in
 * one that is not known.
 */
export function needsRoots(
  namespace: KubernetesObject | undefined,
  copy: RootCopy | undefined,
  wantedDigest: string,
): boolean {
  if (namespace === undefined) return false;
  const { name, isTerminating } = namespace.metadata;
  if (isTerminating || WITHOUT_ROOTS.has(name)) return false;
  if (copy === undefined || copy.digest !== wantedDigest) return true;
  return Object.entries(ROOT_LABELS).some(([label, value]) => copy.metadata.labels[label] !== value);
}
