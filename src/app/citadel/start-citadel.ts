import { stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import {
  createServingCertificate,
  istioServerNames,
  LiveAuthority,
  type OnlineIntermediate,
  type SigningAuthority,
  writeRootCertificates,
} from '../../citadel/authority/index.js';
import type { InventoryKeeper } from '../../citadel/inventory/index.js';
import {
  addCertificateMethod,
  addTrustBundleMethod,
  type FleetSummary,
  FleetView,
  IstioMetrics,
  type ListsNow,
  MAX_CERTIFICATE_REQUEST_BYTES,
  RecentRequests,
  rootsVersion,
} from '../../citadel/issuance/index.js';
import type { IssuingPolicy } from '../../citadel/policy/index.js';
import type { RevocationRegister } from '../../citadel/revocation/index.js';
import type { AuthorityFields, TrailWriter } from '../../citadel/trail/index.js';
import type { CitadelConfig } from '../../config/index.js';
import { errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
import { loadPooledHotPath, type RemoteKey, residentThreads } from '../../hotpath/index.js';
import { addHealthMethods, addReflectionMethods, createGrpcServer } from '../../net/grpc/index.js';
import { listenTls, wiresOf } from '../../net/transport/index.js';
import type { TrustBundle } from '../../pki/spiffe/index.js';
import type { Pkcs11Key } from '../../system/pkcs11/index.js';
import { Field, type Logger, Metric, MetricRegistry } from '../../telemetry/index.js';
import { chosenHotPath } from '../chosen-hot-path.js';
import { connectionLimit } from '../connection-limit.js';
import type { TraceSurroundings } from '../open-traces.js';
import { type AppContext, type RunningApp, runApp, type Teardown } from '../running-app.js';
import { type MakePage, openStatusPage } from '../status-page.js';
import { VERSION } from '../version.js';
import { openClientCertificates } from './client-certificates.js';
import type { Cluster, IssuedOptions } from './cluster.js';
import { openImpersonation } from './impersonation.js';
import { namesToIssue } from './names-to-issue.js';
import type { IntermediateSurroundings } from './online-intermediate.js';
import { openPolicy } from './policy.js';
import { ReplicaReporter } from './replica-reporter.js';
import { directoryBoard } from './report-board.js';
import { restoreFleet } from './restore-fleet.js';
import type { openRevocations } from './revocations.js';
import { changeRootInTime, whyForeign } from './root-in-time.js';
import { endedCitadels } from './root-place.js';
import { openTokenAuthentication } from './token-authentication.js';

/** Above the 256 requests that the service has in flight at most, so that the service is who refuses. */
const MAX_QUEUE = 512;

/** The service gives a request 5 s; a thread that hangs is replaced no later. */
const TASK_TIMEOUT_MS = 5000;

/**
 * Threads start together with the process, on a slow machine next to others that start; no certificate is asked for
 * before.
 */
const START_TIMEOUT_MS = 60_000;

const TCP_BACKLOG = 4096;

/** A handshake takes milliseconds; a peer that stalls must not hold a connection for long. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * As many as the service has in flight of one connection: a proxy in between, or a node's agent, may have more to ask,
 * which waits there then, and costs nothing here.
 */
const MAX_STREAMS_PER_CONNECTION = 128;

/**
 * Of all connections. The service works on 256 at once, so the rest are calls that have begun and not asked yet, or
 * whose answers wait to be read.
 */
const CALLS = { max: 4096, maxUnproven: 3072, maxPerUnproven: 2048 };

const SERVER_METRICS = {
  connections: Metric.citadelConnections,
  connectionsRefused: Metric.citadelConnectionsRefused,
  connectionsEnded: Metric.citadelConnectionsEnded,
  calls: Metric.citadelCalls,
  callsRefused: Metric.citadelCallsRefused,
  heldBytes: Metric.citadelHeldBytes,
};

/** A certificate waits no longer for its record: the caller tries another replica then. */
const TRAIL_WAIT_MS = 1000;

/** Of the 5 s that a shutdown may take. */
const DRAIN_MS = 2000;

/** The settings whose files are followed, or looked at when they are used: all that a Citadel has. */
function followedFiles({ jwksFile, policyFile, caDirectory }: CitadelConfig): string[] {
  const flags = { 'ca-dir': caDirectory, jwks: jwksFile, policy: policyFile };
  return Object.entries(flags).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
}

/** Builds and starts a Citadel: authority, authenticator, signing threads, TLS listener. */
export function startCitadel(config: CitadelConfig, context: AppContext): Promise<RunningApp> {
  return runApp(config, context, async (teardown) => {
    const { address, authority } = await start(config, context, teardown);
    context.logger.info('citadel ready', { [Field.address]: address });
    return {
      address,
      async reload() {
        await authority.reload();
        return followedFiles(config);
      },
    };
  });
}

async function start(
  config: CitadelConfig,
  context: AppContext,
  teardown: Teardown,
): Promise<{ readonly address: string; readonly authority: LiveAuthority }> {
  const { logger, now, random } = context;
  const { trustDomain } = config;
  const metrics = new MetricRegistry();
  const cluster = await openClusterOf(config, context, { metrics, teardown });
  const remoteKey = await openCaKey(config, context, metrics);
  teardown.add(() => remoteKey?.close());
  const live = await openAuthority(config, { cluster, remoteKey }, context);
  teardown.add(() => live.close());
  // The policy, which it is made by, is checked by the authority above it.
  let issuing: LiveAuthority | OnlineIntermediate = live;
  const authority = (): SigningAuthority => issuing.current;
  const trail = await openTrail(config, context, { metrics, live });
  const inventory = await startInventory(config, trail, { ...context, metrics });
  // It reads to the trail's end.
  teardown.add(() => inventory?.close());
  teardown.add(() => trail?.close());
  const furtherNames = cluster === undefined ? [] : istioServerNames(cluster.namespace);
  const policy = await openPolicy(config, { authority, ownNames: [...config.serverNames, ...furtherNames] }, context);
  teardown.add(() => policy.close());
  const policyNow = (): IssuingPolicy => policy.policy;
  const leafLifeMs = (): number => policyNow().longestTtlMs;
  const intermediate = await openIntermediate(config, { live, cluster, leafLifeMs, metrics }, context);
  teardown.add(() => intermediate?.close());
  if (intermediate !== undefined) {
    issuing = intermediate;
    trail?.authorityChanged(authorityFields(authority()));
  }
  const revocations = trail && (await revocationsOf({ live, intermediate, trail, leafLifeMs, metrics }, context));
  teardown.add(() => revocations?.close());
  const { authenticator, keys } = await openTokenAuthentication(config, { cluster, context, teardown });
  const kind = chosenHotPath(config.hotPath, logger, metrics);
  const threads = residentThreads();
  const hotPath = await loadPooledHotPath({
    kind,
    threads: { min: threads, max: threads },
    idleTimeoutMs: 0,
    maxQueue: MAX_QUEUE,
    taskTimeoutMs: TASK_TIMEOUT_MS,
    startTimeoutMs: START_TIMEOUT_MS,
    logger,
    metrics,
  });
  teardown.add(() => hotPath.close());
  const serving = await createServingCertificate({
    ...{ hotPath, authority, trustDomain, random, logger },
    serverNames: config.serverNames,
    furtherNames,
  });
  teardown.add(() => serving.close());

  // The status page and a cluster tell of it, and a root of our own is changed by it.
  const ownDirectory = live.keptIn === 'directory' && whyForeign(live, config, cluster) === undefined;
  const isTold = cluster !== undefined || config.statusAddress !== undefined || ownDirectory;
  const fleet = isTold ? openFleetView(live, now) : undefined;
  const longestTtlMs = longestSeen(leafLifeMs);
  const board = ownDirectory && cluster === undefined ? config.caDirectory : undefined;
  const endedBefore = board === undefined ? NONE_ENDED : await endedOrNone(board, logger);
  if (fleet !== undefined && config.trailDirectory !== undefined) {
    // Not waited for: a trail of millions takes seconds to read.
    void restoreFleet(fleet, config.trailDirectory, { logger, now });
  }
  // Before the server: it tells that it has ended when no call can come any more.
  const lists = (): ListsNow => ({ keys: revocations?.lists.keys ?? '', isBehind: revocations?.isBehind === true });
  const summary =
    fleet && (() => summaryOf(fleet, live, { longestTtlMs: longestTtlMs(), lists: lists(), nowMs: now() }));
  const issued = fleet && summary && issuedReport(live, { fleet, summary, now });
  const reporter =
    issued &&
    (cluster?.reportIssued(issued) ??
      (board === undefined ? undefined : reportBeside(board, { ...issued, trail: await fullTrailOf(config) }, logger)));
  if (cluster === undefined) teardown.add(() => reporter?.close());
  const maxConnections = connectionLimit(config.maxConnections, logger);
  const server = createGrpcServer({
    logger,
    maxReceiveBytes: MAX_CERTIFICATE_REQUEST_BYTES,
    maxConcurrentStreams: MAX_STREAMS_PER_CONNECTION,
    calls: CALLS,
    maxConnections,
    maxUnprovenPerAddress: Math.max(1, Math.floor(maxConnections / 4)),
    metrics: { registry: metrics, ...SERVER_METRICS },
    isFull: () => certificates.isFull,
  });
  const clients = config.hasClientCertificates
    ? openClientCertificates({ authority, trustDomain, policy: policyNow, revocations, now })
    : undefined;
  const tracer = await tracerOf(config, { context, metrics, teardown });
  const recent = config.statusAddress === undefined ? undefined : new RecentRequests(now);
  const certificates = addCertificateMethod(server, {
    ...{ authenticator, hotPath, authority, policy: policyNow, trail, fleet, recent, logger, metrics, now, tracer },
    clientCertificates: clients?.certificates,
    impersonation: openImpersonation(config, cluster, policyNow, context),
  });
  const bundles = addTrustBundleMethod(server, {
    authority: { issuersPemAt: (nowMs) => authority().issuersPemAt(nowMs) },
    ...{ authenticator, fleet, revocations, logger, metrics, now },
    clientCertificates: clients?.certificates,
  });
  revocations?.onChange(() => bundles.lookNow());
  const health = addHealthMethods(server, () => now() < authority().notAfterMs);
  const reflection = addReflectionMethods(server);
  teardown.add(async () => {
    bundles.endAllCalls();
    for (const streams of [health, reflection]) streams.endAllStreams();
    await server.close(DRAIN_MS);
    certificates.close();
  });

  if (config.rootCertOut !== undefined) await writeRootCertificates(config.rootCertOut, authority().bundle);
  const listener = await listenTls({
    ...config.listen,
    backlog: TCP_BACKLOG,
    certificate: serving.current,
    clientCertificates: clients?.check,
    admission: server.admission,
    onSocket: wiresOf((wire) => server.attach(wire, { wasAdmitted: true })),
    handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    logger,
  });
  serving.keepFresh(listener);
  teardown.add(() => listener.close());
  const roots = cluster?.publishRoots(authority().bundle);
  issuing.onChange(() => {
    void serving.renewNow();
    reporter?.reportNow();
    const { bundle } = authority();
    trail?.authorityChanged(authorityFields(authority()));
    const rootsPem = bundle.toPem().toString('latin1');
    roots?.configMaps.publish(rootsPem);
    roots?.trustBundle.publish(rootsPem);
    if (config.rootCertOut !== undefined) void rewriteRoots(config.rootCertOut, bundle, logger);
  });
  const rootChange =
    issued &&
    summary &&
    changeRootInTime({
      ...{ config, context, metrics, live, cluster, reporter, issued, endedBefore, longestTtlMs },
      knownSinceMs: () => summary().knownSinceMs,
    });
  teardown.add(() => rootChange?.close());
  const shown = {
    authority: live,
    intermediate,
    rootChange,
    serving,
    fleet: summary,
    trustDomain: trustDomain.toString(),
    keys,
    roots,
    server,
    policy,
    trail,
    inventory,
    recent,
    revocations,
    istioMetrics: new IstioMetrics({ metrics, authority, now }),
  };
  const makePage: MakePage = ({ citadelStatus }) => citadelStatus({ ...shown, metrics, now });
  await openStatusPage(config.statusAddress, makePage, {
    hotPath: kind,
    metrics,
    logger,
    threshold: context.threshold,
    revoking: revocations ?? NO_REGISTER,
    teardown,
  });
  return { address: listener.address, authority: live };
}

/** Loads what records traces only where a collector is configured. */
async function tracerOf(config: CitadelConfig, surroundings: Omit<TraceSurroundings, 'service'>) {
  if (config.otlpEndpoint === undefined) return undefined;
  const { openTraces } = await import('../open-traces.js');
  return (await openTraces(config, { ...surroundings, service: 'sidecert-citadel' })).tracer;
}

/** The longest life that was allowed since now: what was issued before a policy was changed lives on. */
function longestSeen(ttlMs: () => number): () => number {
  let longestMs = ttlMs();
  return () => {
    longestMs = Math.max(longestMs, ttlMs());
    return longestMs;
  };
}

type ToldSummary = FleetSummary & { readonly longestTtlMs: number };

/** What is known of those who hold certificates, held against the authority of now. */
function summaryOf(
  fleet: FleetView,
  { current: { issuersPemAt, authorityId } }: LiveAuthority,
  { longestTtlMs, lists, nowMs }: { readonly longestTtlMs: number; readonly lists: ListsNow; readonly nowMs: number },
): ToldSummary {
  return { ...fleet.summary(rootsVersion(issuersPemAt(nowMs)), authorityId, lists), longestTtlMs };
}

/** The same for the other replicas. */
function issuedReport(
  live: LiveAuthority,
  {
    fleet,
    summary,
    now,
  }: { readonly fleet: FleetView; readonly summary: () => ToldSummary; readonly now: () => number },
): IssuedOptions {
  const { isFresh, current } = live;
  const startedAtMs = now();
  return {
    isFresh,
    knownSinceMs: isFresh ? Date.parse(current.signer.certificate.validFrom) : now(),
    report() {
      const atMs = now();
      const { withOtherRoots, forgotten, longestTtlMs } = summary();
      const facts = { ...authorityFields(live.current), withOtherRoots, leaves: fleet.leaves() };
      return { atMs, startedAtMs, hasEnded: false, longestTtlMs, forgotten, ...facts };
    },
  };
}

const NONE_ENDED: ReadonlySet<string> = new Set();

/** As of {@link endedCitadels}. Of one that is not known to have ended, what it has told counts for longer. */
async function endedOrNone(directory: string, logger: Logger): Promise<ReadonlySet<string>> {
  try {
    return await endedCitadels(directory);
  } catch (error) {
    logger.debug('which citadels of the directory have ended is not known', {
      [Field.code]: errorCodeOf(error),
      [Field.error]: messageOf(error),
    });
    return NONE_ENDED;
  }
}

/** Tells the other Citadels of a directory, from now until the end, what this one has issued. */
function reportBeside(
  directory: string,
  issued: IssuedOptions & { readonly trail: string | undefined },
  logger: Logger,
): ReplicaReporter {
  return new ReplicaReporter({ board: directoryBoard(directory), logger, ...issued });
}

/**
 * Which directory of this machine has a record of each certificate that is given away, however the process ends;
 * `undefined` when there is none.
 */
async function fullTrailOf({ trailDirectory, trailMode }: CitadelConfig): Promise<string | undefined> {
  if (trailDirectory === undefined || trailMode !== 'wait') return undefined;
  const { dev, ino } = await stat(trailDirectory);
  return `${dev}:${ino}`;
}

/** A Citadel that has been asked for a trail does not start without one. */
async function openTrail(
  { trailDirectory, trailMode, trailKeepMs }: CitadelConfig,
  { logger, now }: AppContext,
  { metrics, live }: { readonly metrics: MetricRegistry; readonly live: LiveAuthority },
): Promise<TrailWriter | undefined> {
  if (trailDirectory === undefined) return undefined;
  const { TrailWriter } = await import('../../citadel/trail/index.js');
  const { isFresh, current } = live;
  const authority = {
    ...authorityFields(current),
    known_since: isFresh ? new Date(current.signer.certificate.validFrom).toISOString() : undefined,
  };
  return TrailWriter.open({
    ...{ directory: trailDirectory, mode: trailMode, keepMs: trailKeepMs, maxWaitMs: TRAIL_WAIT_MS },
    ...{ replica: hostname(), version: VERSION, authority, logger, metrics, now },
  });
}

function authorityFields({ signer, authorityId, bundle }: SigningAuthority): AuthorityFields {
  const { id } = signer.material;
  return { signer: authorityId, roots: bundle.fingerprints(), ...(id !== authorityId && { intermediate: id }) };
}

/** Loaded only where it is wanted. */
async function openIntermediate(
  config: CitadelConfig,
  surroundings: IntermediateSurroundings,
  context: AppContext,
): Promise<OnlineIntermediate | undefined> {
  if (!config.hasOnlineIntermediate) return undefined;
  const { openOnlineIntermediate } = await import('./online-intermediate.js');
  return openOnlineIntermediate(config, surroundings, context);
}

/** Nothing was issued before by an authority that was made just now. */
function openFleetView({ isFresh, current }: LiveAuthority, now: () => number): FleetView {
  return new FleetView(now, isFresh ? Date.parse(current.signer.certificate.validFrom) : now());
}

/** Its thread, and what it is told by: loaded where there is an inventory. */
async function startInventory(
  { inventory: place, trailDirectory, trailKeepMs }: CitadelConfig,
  trail: TrailWriter | undefined,
  { logger, metrics }: Pick<AppContext, 'logger'> & { readonly metrics: MetricRegistry },
): Promise<InventoryKeeper | undefined> {
  if (place === undefined || trailDirectory === undefined || trail === undefined) return undefined;
  const { InventoryKeeper } = await import('../../citadel/inventory/index.js');
  const directory = resolve(trailDirectory);
  return new InventoryKeeper({
    ...{ place, directory, source: `${hostname()}:${directory}`, openedAt: trail.end, keepMs: trailKeepMs },
    ...{ trailEnd: () => trail.end, logger, metrics },
  });
}

/** Loaded here: without a cluster there is no HTTP client. */
async function openClusterOf(
  config: CitadelConfig,
  context: AppContext,
  surroundings: { readonly metrics: MetricRegistry; readonly teardown: Teardown },
): Promise<Cluster | undefined> {
  if (!config.isInKubernetes) return undefined;
  const { openCluster } = await import('./cluster.js');
  return openCluster(config, context, surroundings);
}

/** Never rejects: the file may be on a disk that is full, and agents hear of new roots otherwise, too. */
async function rewriteRoots(path: string, bundle: TrustBundle, logger: Logger): Promise<void> {
  try {
    await writeRootCertificates(path, bundle);
  } catch (error) {
    logger.warn('root certificates could not be written', { [Field.path]: path, [Field.error]: messageOf(error) });
  }
}

/** Loaded only where there is a trail. */
async function revocationsOf(...parameters: Parameters<typeof openRevocations>): Promise<RevocationRegister> {
  const { openRevocations } = await import('./revocations.js');
  return openRevocations(...parameters);
}

/** Of a Citadel without a trail, which knows no certificate. */
const NO_REGISTER = {
  async revoke(): Promise<never> {
    throw new IdentityError(
      'ERR_REVOCATION_REFUSED',
      'this Citadel has no --trail-dir, expected one: it knows no certificate',
    );
  },
};

/** Loaded here: few keys are in a token. */
async function openCaKey(
  { caKey }: CitadelConfig,
  { logger }: AppContext,
  metrics: MetricRegistry,
): Promise<Pkcs11Key | undefined> {
  if (caKey === undefined) return undefined;
  const { Pkcs11Key } = await import('../../system/pkcs11/index.js');
  return Pkcs11Key.open(caKey, { logger, metrics });
}

/** The files of the directory, else the Secret of the cluster. */
function openAuthority(
  config: CitadelConfig,
  { cluster, remoteKey }: { readonly cluster: Cluster | undefined; readonly remoteKey: RemoteKey | undefined },
  { logger, now }: AppContext,
): Promise<LiveAuthority> {
  const { caDirectory, trustDomain } = config;
  const directory = caDirectory !== undefined && { directory: caDirectory };
  const common = { trustDomain, serverNames: namesToIssue(config), remoteKey, logger, now };
  const open = () => LiveAuthority.open({ ...directory, store: cluster?.store, ...common });
  return cluster === undefined ? open() : cluster.insist('root', open);
}
