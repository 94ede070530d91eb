import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyPublisher, PodPlaces, TokenReviewer } from '../../citadel/authn/index.js';
import type { IntermediateStore } from '../../citadel/authority/index.js';
import type { CitadelConfig } from '../../config/index.js';
import { type ErrorCode, errorCodeOf, messageOf } from '../../errors/index.js';
import { ApiClient, findAccess, NodePods, ServiceAccountKeys, TokenReviews } from '../../kubernetes/api/index.js';
import {
  publishRootConfigMaps,
  publishRootTrustBundle,
  type RootConfigMaps,
  type RootTrustBundle,
} from '../../kubernetes/trust/index.js';
import type { TrustBundle } from '../../pki/spiffe/index.js';
import { Field, type MetricRegistry } from '../../telemetry/index.js';
import { retryDelayMs, systemClock } from '../../timers/index.js';
import type { AppContext, Teardown } from '../running-app.js';
import { VERSION } from '../version.js';
import { intermediatesInSecret } from './intermediate-secret.js';
import { ReplicaReporter } from './replica-reporter.js';
import { configMapBoard } from './report-board.js';
import { type RootPlace, secretPlace } from './root-place.js';
import { RootSecret } from './root-secret.js';

/** Our name in `managedFields`. */
const FIELD_MANAGER = 'sidecert-citadel';

/** What cannot be had from the API server at the start is asked for again for so long: roles may come after the pod. */
const START_PATIENCE_MS = 60_000;

/** What {@link retryDelayMs} makes a cap of 5 s of. */
const REMAINING_MS = 50_000;

/** Where Istio's control plane is, for a kubeconfig that names no namespace. */
const DEFAULT_NAMESPACE = 'istio-system';

/** The cluster that a Citadel works with. */
export interface Cluster {
  /** That of our pod, or of the kubeconfig. */
  readonly namespace: string;
  /** Of the root that it makes itself, in its own namespace. */
  readonly store: RootSecret;
  /** Of the online intermediates of all replicas, there too. */
  readonly intermediates: IntermediateStore;
  /** The same, for who changes it. */
  readonly rootPlace: RootPlace;
  /** Of the keys that tokens are verified with. */
  readonly publisher: KeyPublisher;
  readonly reviewer: TokenReviewer;
  readonly pods: PodPlaces;
  /** Does what the start depends on, again and again while the API server does not let it, for at most a minute. */
  insist<T>(what: string, attempt: () => Promise<T>): Promise<T>;
  /** Tells the other replicas, from now until the end, what this one has issued. */
  reportIssued(options: IssuedOptions): ReplicaReporter;
  /** Writes the roots where pods find them, from now until the end; `undefined` when that is switched off. */
  publishRoots(bundle: TrustBundle): PublishedRoots | undefined;
}

export type IssuedOptions = Pick<
  ConstructorParameters<typeof ReplicaReporter>[0],
  'report' | 'knownSinceMs' | 'isFresh'
>;

/** Where the roots are. */
export interface PublishedRoots {
  readonly configMaps: RootConfigMaps;
  readonly trustBundle: RootTrustBundle;
}

/**
 * The API server that the settings, or the pod around us, name; `undefined` without `--kubernetes`. Does not ask it
 * yet.
 * @throws IdentityError `ERR_KUBERNETES_CONFIG_INVALID`.
 */
export async function openCluster(
  { kubeconfig, publishesRoots }: CitadelConfig,
  { logger, now, random, clusterEnvironment = {} }: AppContext,
  { metrics, teardown }: { readonly metrics: MetricRegistry; readonly teardown: Teardown },
): Promise<Cluster> {
  const access = await findAccess(kubeconfig, clusterEnvironment);
  const client = new ApiClient({
    access,
    ...{ logger, now, random, metrics, clock: systemClock },
    ...{ userAgent: `sidecert/${VERSION}`, fieldManager: FIELD_MANAGER },
  });
  teardown.add(() => client.close());
  const namespace = access.namespace ?? DEFAULT_NAMESPACE;
  return {
    namespace,
    store: new RootSecret(client, namespace),
    intermediates: intermediatesInSecret(client, namespace),
    rootPlace: secretPlace(client, namespace),
    publisher: new ServiceAccountKeys(client),
    reviewer: new TokenReviews(client),
    pods: new NodePods(client),
    async insist(what, attempt) {
      const untilMs = performance.now() + START_PATIENCE_MS;
      for (let failures = 0; ; failures += 1) {
        try {
          return await attempt();
        } catch (error) {
          const failed = { kind: 'away', failures, remainingMs: REMAINING_MS } as const;
          const delayMs = retryDelayMs(failed, random());
          if (!WORTH_ANOTHER_TRY.has(errorCodeOf(error)) || performance.now() + delayMs > untilMs) throw error;
          logger.warn('the API server does not let us start, tried again', {
            [Field.reason]: what,
            [Field.code]: errorCodeOf(error),
            [Field.error]: messageOf(error),
          });
          await sleep(delayMs);
        }
      }
    },
    reportIssued(issued) {
      const reporter = new ReplicaReporter({ board: configMapBoard(client, namespace), logger, ...issued });
      teardown.add(() => reporter.close());
      return reporter;
    },
    publishRoots(bundle) {
      if (publishesRoots === 'off') return undefined;
      const rootsPem = bundle.toPem().toString('latin1');
      const clock = { now, after: systemClock.after };
      const options = { client, rootsPem, logger, metrics, clock, random };
      const configMaps = publishRootConfigMaps(options);
      const trustBundle = publishRootTrustBundle(options);
      teardown.add(async () => void (await Promise.all([configMaps.close(), trustBundle.close()])));
      return { configMaps, trustBundle };
    },
  };
}

/** Servers come back, and roles may be given after the pod has started; what is wrong otherwise stays so. */
const WORTH_ANOTHER_TRY: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_KUBERNETES_UNAVAILABLE',
  'ERR_KUBERNETES_UNTRUSTED',
  'ERR_KUBERNETES_OVERLOADED',
  'ERR_KUBERNETES_REFUSED',
]);
