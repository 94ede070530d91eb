import { errorCodeOf, messageOf } from '../../errors/index.js';
import { quoted } from '../../pki/service-account/index.js';
import { SpiffeId, type TrustDomain } from '../../pki/spiffe/index.js';
import type { AuthenticatedWorkload } from './authenticator.js';
import { type BoundPods, impersonationRefused, type PodPlaces } from './pods.js';
import { ShortMemory } from './short-memory.js';

export interface NodeImpersonationOptions {
  /** Service accounts of node proxies, as `namespace/name`. */
  readonly trustedAccounts: readonly string[];
  readonly trustDomain: TrustDomain;
  /** Other names of it. */
  readonly aliases: () => readonly TrustDomain[];
  readonly boundPods: Pick<BoundPods, 'of'>;
  readonly pods: Pick<PodPlaces, 'runsOn'>;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * Lets a node proxy, such as ztunnel, have the certificates of the pods on its node, and of no others: its service
 * account is trusted, its token is bound to a pod that is there, and the API server says that a pod of the identity
 * is on the node of that one. (reference: Istio C16)
 */
export class NodeImpersonation {
  private readonly placed: ShortMemory<boolean>;

  constructor(private readonly options: NodeImpersonationOptions) {
    this.placed = new ShortMemory(options.now);
  }

  /**
   * The workload that the certificate is for.
   * @throws IdentityError `ERR_IMPERSONATION_REFUSED`; what the API server rejects with when it cannot be asked.
   */
  async authorize(caller: AuthenticatedWorkload, identity: string | undefined): Promise<AuthenticatedWorkload> {
    const { trustedAccounts, pods } = this.options;
    const node = caller.spiffeId.serviceAccount;
    if (node === undefined || !trustedAccounts.includes(`${node.namespace}/${node.name}`)) {
      throw impersonationRefused(`got it of ${caller.spiffeId}, expected one of ${trustedAccounts.join(', ')}`);
    }
    const spiffeId = this.identityOf(identity);
    const account = spiffeId.serviceAccount;
    if (account === undefined) throw impersonationRefused(`got ${spiffeId}, expected the ID of a service account`);
    const { node: nodeName } = await this.podOf(caller);
    if (nodeName === undefined) throw impersonationRefused(`the caller's pod ${caller.podName} is on no node`);
    const { namespace, name: serviceAccount } = account;
    const isThere = await this.placed.of(
      `${nodeName} ${namespace}/${serviceAccount}`,
      () => pods.runsOn(nodeName, namespace, serviceAccount),
      // A pod that was not there may be in a moment.
      (answer) => answer,
    );
    if (!isThere) {
      const pod = `a pod of ${namespace}/${serviceAccount}`;
      throw impersonationRefused(
        `got ${spiffeId} for the node ${nodeName}, which has no pod of it, expected ${pod} there`,
      );
    }
    return { ...caller, spiffeId, authenticatedBy: `impersonation by ${caller.spiffeId} on ${nodeName}` };
  }

  private identityOf(identity: string | undefined): SpiffeId {
    const { trustDomain, aliases } = this.options;
    const got = quoted(identity);
    if (identity === undefined) throw impersonationRefused(`got ${got}, expected a SPIFFE ID`);
    let id: SpiffeId;
    try {
      id = SpiffeId.parse(identity);
    } catch (error) {
      throw impersonationRefused(messageOf(error), error);
    }
    const isOurs = trustDomain.equals(id.trustDomain) || aliases().some((alias) => alias.equals(id.trustDomain));
    if (!isOurs) throw impersonationRefused(`got ${got}, expected one of the trust domain ${trustDomain}`);
    return SpiffeId.parse(`spiffe://${trustDomain}${id.path}`);
  }

  private async podOf(caller: AuthenticatedWorkload): ReturnType<BoundPods['of']> {
    try {
      return await this.options.boundPods.of(caller);
    } catch (error) {
      // Its token was good for itself.
      if (errorCodeOf(error) !== 'ERR_TOKEN_REFUSED') throw error;
      throw impersonationRefused(`the caller's ${messageOf(error)}`, error);
    }
  }
}
