import { IdentityError } from '../../errors/index.js';
import { refused } from '../../pki/token-keys/index.js';
import { inSpan } from '../../telemetry/index.js';
import type { AuthenticatedWorkload, Authenticator } from './authenticator.js';
import { ShortMemory } from './short-memory.js';

/** A pod, as an API server knows it. */
export interface PlacedPod {
  readonly uid: string;
  readonly serviceAccount: string;
  /** `undefined`: it has not been given one yet. */
  readonly node: string | undefined;
}

/** Which pods there are, and where: an API server. Both reject with an IdentityError when it cannot be asked. */
export interface PodPlaces {
  /** One that has ended does not count. */
  find(namespace: string, name: string): Promise<PlacedPod | undefined>;
  /** Whether a pod of this service account, which has not ended, is on the node. */
  runsOn(node: string, namespace: string, serviceAccount: string): Promise<boolean>;
}

/** Finds the pods that tokens are bound to. An answer is good for some seconds; that there is none is not. */
export class BoundPods {
  private readonly memory: ShortMemory<PlacedPod | undefined>;

  constructor(
    private readonly pods: PodPlaces,
    now: () => number,
  ) {
    this.memory = new ShortMemory(now);
  }

  /**
   * The pod of a caller whose token names one.
   * @throws IdentityError `ERR_TOKEN_REFUSED`: it is gone, is another one of the same name, or is of another account;
   *   what {@link PodPlaces.find} rejects with.
   */
  async of(workload: AuthenticatedWorkload): Promise<PlacedPod> {
    const { podName = '', podUid, spiffeId } = workload;
    const account = spiffeId.serviceAccount;
    if (account === undefined || podUid === undefined)
      throw refused('is bound to no pod, expected one of this cluster');
    const { namespace, name: serviceAccount } = account;
    const key = `${namespace}/${podName}/${podUid}`;
    const isIt = (pod: PlacedPod | undefined): boolean => pod?.uid === podUid;
    const pod = await this.memory.of(key, () => this.pods.find(namespace, podName), isIt);
    if (pod === undefined) throw refused(`is bound to the pod ${namespace}/${podName}, which is gone`);
    if (pod.uid !== podUid) throw refused(`is bound to the pod ${namespace}/${podName} of another uid, which is gone`);
    if (pod.serviceAccount !== serviceAccount) {
      throw refused(`is bound to the pod ${namespace}/${podName}, which is of the account ${pod.serviceAccount}`);
    }
    return pod;
  }
}

/**
 * Authenticates by `first`, and has the API server say whether the pod that the token is bound to still exists. A token
 * that is bound to none, where that is allowed, is not asked about.
 */
export function podCheckedAuthenticator(first: Authenticator, pods: Pick<BoundPods, 'of'>): Authenticator {
  return {
    async authenticate(bearerToken, span): Promise<AuthenticatedWorkload> {
      const workload = await first.authenticate(bearerToken, span);
      if (workload.podUid !== undefined) await inSpan(span, 'citadel.pod_check', () => pods.of(workload));
      return workload;
    },
  };
}

/** For callers that ask for the identity of another. */
export function impersonationRefused(detail: string, cause?: unknown): IdentityError {
  return new IdentityError('ERR_IMPERSONATION_REFUSED', `metadata ImpersonatedIdentity: ${detail}`, { cause });
}
