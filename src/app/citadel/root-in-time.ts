import type { LiveAuthority } from '../../citadel/authority/index.js';
import type { CitadelConfig } from '../../config/index.js';
import { IdentityError } from '../../errors/index.js';
import type { MetricRegistry } from '../../telemetry/index.js';
import type { AppContext } from '../running-app.js';
import { AutomaticRootChange } from './automatic-root-change.js';
import type { Cluster, IssuedOptions } from './cluster.js';
import { namesToIssue } from './names-to-issue.js';
import type { ReplicaReporter } from './replica-reporter.js';
import { type RootPlace, sharedDirectoryPlace } from './root-place.js';

interface RootChangeSurroundings {
  readonly config: CitadelConfig;
  readonly context: AppContext;
  readonly metrics: MetricRegistry;
  readonly live: LiveAuthority;
  readonly cluster: Cluster | undefined;
  /** Since when all that was issued is known; epoch milliseconds. */
  readonly knownSinceMs: () => number;
  readonly reporter: Pick<ReplicaReporter, 'key' | 'origin'> | undefined;
  readonly issued: Pick<IssuedOptions, 'report'>;
  /** Citadels of the directory that had ended before the trail was read. */
  readonly endedBefore: ReadonlySet<string>;
  readonly longestTtlMs: () => number;
}

/** Looks at the end of the root from now on; `undefined` for one that ends with this process. */
export function changeRootInTime(surroundings: RootChangeSurroundings): AutomaticRootChange | undefined {
  const { config, context, metrics, live, cluster, longestTtlMs } = surroundings;
  const place = rootPlaceOf(surroundings);
  if (place === undefined) return undefined;
  const { trustDomain, rootChangeLead: lead, rootChangeSettleMs: settleMs } = config;
  return new AutomaticRootChange({
    ...{ live, place, trustDomain, lead, settleMs, longestTtlMs, metrics },
    foreign: () => whyForeign(live, config, cluster),
    serverNames: namesToIssue(config),
    ...{ logger: context.logger, now: context.now },
  });
}

function rootPlaceOf(surroundings: RootChangeSurroundings): RootPlace | undefined {
  const { config, live, cluster, knownSinceMs, reporter, issued, endedBefore } = surroundings;
  switch (live.keptIn) {
    case 'memory':
      return undefined;
    case 'store':
      return cluster?.rootPlace;
    case 'directory': {
      const { caDirectory = '' } = config;
      if (cluster !== undefined || reporter === undefined) return unchangeable;
      return sharedDirectoryPlace(caDirectory, () => {
        const { key, origin } = reporter;
        return { key, knownSinceMs: knownSinceMs(), report: { ...issued.report(), ...origin }, endedBefore };
      });
    }
    default:
      return live.keptIn satisfies never;
  }
}

/** One whose files Citadel never changes: only its end is looked at. */
const unchangeable: RootPlace = {
  read: async () => new Map(),
  change: async () => {
    throw new IdentityError('ERR_ROTATION_REFUSED', 'the root is not one that this Citadel has made');
  },
  witnesses: async () => ({ citadels: [], ended: [] }),
};

/** Why the authority of now is not one that Citadel may replace; `undefined` when it has made such a one itself. */
export function whyForeign(
  { current: { signer, bundle }, keptIn, rotation }: LiveAuthority,
  { trustDomain, caKey, caDirectory }: CitadelConfig,
  cluster: Cluster | undefined,
): string | undefined {
  if (caKey !== undefined) return 'its key is in a token (--ca-key)';
  if (keptIn === 'directory' && cluster !== undefined) return `it is in --ca-dir ${caDirectory}, which pods share`;
  if (keptIn === 'store' && cluster?.store.isPluggedIn === true) return `it is plugged in: ${cluster.store.name}`;
  const { subject, issuer, ca } = signer.certificate;
  const isOwn = ca && subject === `O=${trustDomain.name}` && issuer === subject;
  if (!isOwn) return 'it is plugged in: its certificate is not of the form of a root that Citadel makes';
  const isAlone = bundle.size === 1 || (rotation !== undefined && rotation.step !== 'steady');
  return isAlone ? undefined : 'other roots are trusted beside it';
}
