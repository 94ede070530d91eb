import { FileChanges, FileWatch, PathWatches } from '../../agent/files/index.js';
import {
  createFileTokenSource,
  measuredIssuer,
  refusalGrounds,
  SvidIssuance,
  WorkloadIdentity,
} from '../../agent/identity/index.js';
import type { InjectorConfig } from '../../config/index.js';
import { bundlePemOf, certificatePemOf, createLoneHotPath } from '../../hotpath/index.js';
import { ApiClient, findAccess } from '../../kubernetes/api/index.js';
import {
  CaBundleKeeper,
  type ReviewServer,
  ReviewService,
  RootsDelivery,
  ServingCertificate,
  startReviewServer,
} from '../../kubernetes/webhook/index.js';
import { SpiffeId, TrustBundle } from '../../pki/spiffe/index.js';
import { Field, MetricRegistry } from '../../telemetry/index.js';
import { systemClock, WallClockTimers } from '../../timers/index.js';
import { chosenHotPath } from '../chosen-hot-path.js';
import { connectCa } from '../connect-ca.js';
import { type AppContext, type RunningApp, runApp, type Teardown } from '../running-app.js';
import { type MakePage, openStatusPage } from '../status-page.js';
import { VERSION } from '../version.js';

/** One key of an elliptic curve every few hours: the threads are never started. */
const KEY_TYPE = 'ec-p256';
const NO_POOL = { threads: { min: 0, max: 1 }, idleTimeoutMs: 1000, maxQueue: 1, taskTimeoutMs: 10_000 };

/** As the API server names the writer of the `caBundle`. */
const FIELD_MANAGER = 'sidecert-injector';

/**
 * Builds and starts an injector: it listens at once, and serves from its first certificate on. That is an identity as
 * any other: it lives in memory, and is renewed at half of its life.
 */
export function startInjector(config: InjectorConfig, context: AppContext): Promise<RunningApp> {
  return runApp(config, context, async (teardown) => {
    const address = await start(config, context, teardown);
    context.logger.info('injector listens', { [Field.address]: address });
    return { address };
  });
}

async function start(config: InjectorConfig, context: AppContext, teardown: Teardown): Promise<string> {
  const { logger, now } = context;
  const metrics = new MetricRegistry();
  const kind = chosenHotPath(config.hotPath, logger, metrics);
  const keeper = await openKeeper(config, context, { metrics, teardown });
  const rules = { settings: config, version: VERSION, ownNamespace: config.namespace, onBadPod: config.onBadPod };
  const reviews = new ReviewService({ rules, logger, metrics, now });
  const { host, port } = config.listen;
  const server = await startReviewServer({ host, port, answer: (body) => reviews.answer(body), logger, metrics });
  teardown.add(() => server.close());
  const { identity, serving } = openIdentity(config, context, { kind, keeper, server, metrics, teardown });
  const account = `${config.namespace}/${config.serviceAccount}`;
  const shown = { identity, serving, keeper, reviews, account, metrics, now };
  const makePage: MakePage = ({ injectorStatus }) => injectorStatus(shown);
  await openStatusPage(config.statusAddress, makePage, {
    hotPath: kind,
    metrics,
    logger,
    threshold: context.threshold,
    teardown,
  });
  return server.address;
}

interface Parts {
  readonly metrics: MetricRegistry;
  readonly teardown: Teardown;
}

/** Who keeps the roots in the webhook configuration, if that is a task of ours. */
async function openKeeper(
  { webhookConfig, kubeconfig }: InjectorConfig,
  { logger, now, random, clusterEnvironment = {} }: AppContext,
  { metrics, teardown }: Parts,
): Promise<CaBundleKeeper | undefined> {
  if (webhookConfig === undefined) return undefined;
  const client = new ApiClient({
    access: await findAccess(kubeconfig, clusterEnvironment),
    ...{ fieldManager: FIELD_MANAGER, userAgent: `sidecert/${VERSION}` },
    ...{ clock: systemClock, random, logger, now, metrics },
  });
  teardown.add(() => client.close());
  const keeper = new CaBundleKeeper({ client, name: webhookConfig, logger, metrics, clock: systemClock, random });
  teardown.add(() => keeper.close());
  return keeper;
}

interface IdentityParts extends Parts {
  readonly kind: ReturnType<typeof chosenHotPath>;
  readonly keeper: CaBundleKeeper | undefined;
  readonly server: ReviewServer;
}

/** The identity of the injector, whose certificate goes to the server, and whose roots go to the keeper. */
function openIdentity(
  config: InjectorConfig,
  context: AppContext,
  { kind, keeper, server, metrics, teardown }: IdentityParts,
): { readonly identity: WorkloadIdentity; readonly serving: ServingCertificate } {
  const { logger, now, random } = context;
  const timers = new WallClockTimers(systemClock);
  teardown.add(() => timers.close());
  const hotPath = createLoneHotPath({ ...NO_POOL, kind, logger, metrics });
  teardown.add(() => hotPath.close());
  const { caAddresses, caRootFile: rootFile, caServerNames: names, caHeaders, certSigner, clusterId } = config;
  const cas = caAddresses.map((address, at) => ({ address, rootFile, serverName: names[at] ?? names[0] }));
  const ca = connectCa({ cas, clusterId, caHeaders, certSigner, metrics }, context);
  teardown.add(() => ca.close());
  const watch = new FileWatch({ timers, now, watches: new PathWatches(logger) });
  teardown.add(() => watch.close());
  const files = new FileChanges(watch);
  const { tokenFile, trustDomain, namespace, serviceAccount, ttlMs } = config;
  const issuer = measuredIssuer(ca, metrics);
  const identity = new WorkloadIdentity(
    {
      issuance: new SvidIssuance({ keyType: KEY_TYPE, ttlMs, issuer, hotPath, maxInFlight: 1, now, metrics }),
      timers,
      ...(keeper && { delivery: new RootsDelivery({ keeper, timers, now }) }),
      grounds: refusalGrounds({ files, paths: [rootFile], caClient: Promise.resolve(ca) }),
      ...{ now, random, logger },
    },
    {
      spiffeId: SpiffeId.forServiceAccount(trustDomain, namespace, serviceAccount),
      token: {
        ...createFileTokenSource(tokenFile, now),
        onChange: (listener) => files.onChange(tokenFile, listener),
      },
    },
  );
  teardown.add(() => identity.close());
  const serving = new ServingCertificate(server);
  let answers = 0;
  identity.onChange(({ certificate }) => {
    const content = identity.certificate();
    if (certificate && content !== undefined) {
      answers += 1;
      serving.take(certificatePemOf(content.body));
    }
    const bundle = identity.bundle();
    if (bundle !== undefined) keeper?.setRoots({ bundle: TrustBundle.parsePem(bundlePemOf(bundle.body)), answers });
  });
  identity.start();
  return { identity, serving };
}
