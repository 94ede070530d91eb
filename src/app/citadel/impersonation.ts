import { BoundPods, NodeImpersonation } from '../../citadel/authn/index.js';
import type { IssuingPolicy } from '../../citadel/policy/index.js';
import type { CitadelConfig } from '../../config/index.js';
import type { AppContext } from '../running-app.js';
import type { Cluster } from './cluster.js';

/** What lets node proxies have the certificates of their pods; `undefined` when no account is trusted with it. */
export function openImpersonation(
  { trustedNodeAccounts: trustedAccounts, trustDomain }: CitadelConfig,
  cluster: Cluster | undefined,
  policy: () => Pick<IssuingPolicy, 'trustDomainAliases'>,
  { now }: AppContext,
): NodeImpersonation | undefined {
  if (cluster === undefined || trustedAccounts.length === 0) return undefined;
  const { pods } = cluster;
  const aliases = () => policy().trustDomainAliases;
  return new NodeImpersonation({
    ...{ trustedAccounts, trustDomain, aliases, pods, boundPods: new BoundPods(pods, now), now },
  });
}
