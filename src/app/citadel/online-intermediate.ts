import {
  type IntermediateStore,
  intermediatesInDirectory,
  intermediatesInMemory,
  type LiveAuthority,
  OnlineIntermediate,
} from '../../citadel/authority/index.js';
import type { CitadelConfig } from '../../config/index.js';
import type { MetricRegistry } from '../../telemetry/index.js';
import { systemClock } from '../../timers/index.js';
import type { AppContext } from '../running-app.js';
import type { Cluster } from './cluster.js';
import { namesToIssue } from './names-to-issue.js';

export interface IntermediateSurroundings {
  readonly live: LiveAuthority;
  readonly cluster: Cluster | undefined;
  /** The longest life of a leaf, in milliseconds. */
  readonly leafLifeMs: () => number;
  readonly metrics: MetricRegistry;
}

/**
 * The CA below the authority that leaves are signed with.
 * @throws IdentityError as of {@link OnlineIntermediate.open}.
 */
export function openOnlineIntermediate(
  config: CitadelConfig,
  { live, cluster, leafLifeMs, metrics }: IntermediateSurroundings,
  { logger, now, random }: AppContext,
): Promise<OnlineIntermediate> {
  const { trustDomain, nameConstraints, onlineIntermediateTtlMs } = config;
  const open = () =>
    OnlineIntermediate.open({
      ...{ live, store: storeOf(config, cluster), trustDomain, leafLifeMs, logger, metrics, random },
      serverNames: namesToIssue(config),
      ...{ isConstrained: nameConstraints === 'on', lifeMs: onlineIntermediateTtlMs },
      clock: { ...systemClock, now },
    });
  return cluster === undefined ? open() : cluster.insist('online intermediate', open);
}

/** Where all replicas have it. The directory of a cluster may be a volume, which pods cannot write. */
function storeOf({ caDirectory }: CitadelConfig, cluster: Cluster | undefined): IntermediateStore {
  if (cluster !== undefined) return cluster.intermediates;
  return caDirectory === undefined ? intermediatesInMemory() : intermediatesInDirectory(caDirectory);
}
