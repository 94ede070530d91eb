import { Field, Metric, type MetricRegistry } from '../telemetry/index.js';
import { type IdentityFacts, identitySection } from './identity-section.js';
import type { StatusPage } from './status-page.js';

/** The roots in the webhook configuration. */
export interface CaBundleFacts {
  readonly state: 'unknown' | 'absent' | 'stale' | 'written';
  /** Why the last write failed, if it did. */
  readonly failure: { readonly code: string; readonly message: string } | undefined;
  /** Names that the certificate must have. */
  readonly hosts: readonly string[];
}

export interface InjectorStatusOptions {
  readonly identity: { hasValidSvid(): boolean; status(): IdentityFacts };
  readonly serving: {
    /** The first of these names that the certificate does not have. */
    lacks(hosts: readonly string[]): string | undefined;
  };
  /** Left out: the roots in the webhook configuration are no task of ours. */
  readonly keeper?: { readonly status: CaBundleFacts } | undefined;
  /** How many requests ended in each way. */
  readonly reviews: { readonly counts: Readonly<Record<string, number>> };
  /** As the option of Citadel has it: `NAMESPACE/ACCOUNT`. */
  readonly account: string;
  readonly metrics: MetricRegistry;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What an injector tells of itself: its certificate, the webhook configuration, and what it was asked. */
export function injectorStatus(options: InjectorStatusOptions): StatusPage {
  const { identity, keeper, reviews, metrics, now } = options;
  const expiry = metrics.gauge(Metric.svidExpirySeconds);
  let wasReady = false;
  return {
    notReady() {
      if (!identity.hasValidSvid()) return 'there is no valid certificate';
      // Afterwards only the certificate counts: an API server that is away for us may still ask us about pods.
      const reason = wasReady ? undefined : firstReason(options);
      wasReady = reason === undefined;
      return reason;
    },
    collect() {
      const { notAfterMs } = identity.status();
      expiry.set(notAfterMs === undefined ? Number.NaN : (notAfterMs - now()) / 1000);
    },
    sections() {
      const { state, failure, hosts } = keeper?.status ?? {};
      return {
        identity: identitySection(identity.status()),
        ca_bundle: keeper && {
          state,
          hosts,
          last_failure: failure && { [Field.code]: failure.code, [Field.error]: failure.message },
        },
        reviews: { ...reviews.counts },
      };
    },
  };
}

/** What keeps a new injector from taking the place of an old one that works. */
function firstReason({ keeper, serving, account }: InjectorStatusOptions): string | undefined {
  if (keeper === undefined) return undefined;
  const { state, failure, hosts } = keeper.status;
  const why = failure === undefined ? '' : `: ${failure.message}`;
  if (state === 'unknown') return `the webhook configuration has not been read${why}`;
  if (state === 'stale') return `the roots have not been written into the webhook configuration${why}`;
  const host = serving.lacks(hosts);
  return host && `its certificate has no name ${host}: give Citadel --dns-name ${account}=${host}`;
}
