import { errorCodeOf } from '../../errors/index.js';
import type { ApiClient } from './api-client.js';
import { isJsonObject, type JsonObject, type KubernetesObject, type Resource } from './resource.js';

/** (core/v1 Pod) As much of it as says whose it is, and where. */
interface NodePod extends KubernetesObject {
  readonly serviceAccount: string;
  readonly node: string | undefined;
  readonly phase: string;
}

const NODE_PODS: Resource<NodePod> = {
  ...{ group: '', version: 'v1', kind: 'Pod', plural: 'pods' },
  read(metadata, { spec, status }) {
    const { serviceAccountName, nodeName } = membersOf(spec);
    const { phase } = membersOf(status);
    return {
      metadata,
      serviceAccount: typeof serviceAccountName === 'string' ? serviceAccountName : '',
      node: typeof nodeName === 'string' && nodeName !== '' ? nodeName : undefined,
      phase: typeof phase === 'string' ? phase : '',
    };
  },
};

/** Pods that have ended, and run no workload any more. (core/v1 PodPhase) */
const ENDED: ReadonlySet<string> = new Set(['Failed', 'Succeeded']);

/**
 * Asks an API server which pods there are, and on which nodes. The verbs `get` and `list` of `pods` in all namespaces
 * allow it.
 */
export class NodePods {
  constructor(private readonly client: Pick<ApiClient, 'get' | 'list'>) {}

  /** The pod, unless it has ended; `undefined` when there is none. @throws IdentityError as {@link ApiClient}. */
  async find(namespace: string, name: string) {
    try {
      const { metadata, serviceAccount, node, phase } = await this.client.get(NODE_PODS, { namespace, name });
      return ENDED.has(phase) ? undefined : { uid: metadata.uid, serviceAccount, node };
    } catch (error) {
      if (errorCodeOf(error) === 'ERR_KUBERNETES_NOT_FOUND') return undefined;
      throw error;
    }
  }

  /**
   * Whether a pod of this service account, which has not ended, is on the node. @throws IdentityError as
   * {@link ApiClient}.
   */
  async runsOn(node: string, namespace: string, serviceAccount: string): Promise<boolean> {
    const fieldSelector = `spec.nodeName=${node},spec.serviceAccountName=${serviceAccount}`;
    const { items } = await this.client.list(NODE_PODS, { namespace, fieldSelector });
    // Checked again: the identity of a certificate must not hang on how a selector is read.
    return items.some((pod) => pod.node === node && pod.serviceAccount === serviceAccount && !ENDED.has(pod.phase));
  }
}

function membersOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}
