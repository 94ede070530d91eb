import { join } from 'node:path';
import type { TokenCheck } from '../../agent/admission/index.js';
import type { DocumentRequest } from '../../agent/federation/index.js';
import { FileChanges, FileWatch, PathWatches } from '../../agent/files/index.js';
import { History } from '../../agent/history/index.js';
import {
  BundleInterner,
  BundleNews,
  DeliveryByAcks,
  measuredIssuer,
  refusalGrounds,
  ServedLeaves,
  SvidIssuance,
  type WorkloadIdentity,
} from '../../agent/identity/index.js';
import type { EndedRollout } from '../../agent/sds/index.js';
import {
  chainPemOf,
  privateKeyProviderOf,
  SecretCatalog,
  trustedCaOf,
  withPrivateKeyProvider,
} from '../../agent/secrets/index.js';
import {
  type AgentConfig,
  configuredCas,
  federatedEndpoints,
  type IssuedWorkloads,
  type ServedWorkloads,
  servedWorkloads,
} from '../../config/index.js';
import type { UnixListenersOptions } from '../../net/transport/index.js';
import { isExposed } from '../../system/small-files/index.js';
import { Field, MetricRegistry } from '../../telemetry/index.js';
import { systemClock, WallClockTimers } from '../../timers/index.js';
import { chosenHotPath } from '../chosen-hot-path.js';
import type { TraceSurroundings } from '../open-traces.js';
import { type AppContext, type RunningApp, runApp, type Teardown } from '../running-app.js';
import { type MakePage, openStatusPage } from '../status-page.js';
import { followRevocations, identityHistory } from './agent-history.js';
import { openHotPath } from './agent-hot-path.js';
import type { EnvoyListener } from './agent-network.js';
import type { AgentParts, OpenedSource } from './agent-parts.js';
import type { ExtraRoots } from './extra-roots.js';
import type { Output, OutputSurroundings } from './output-certs.js';
import { type ServedSecrets, serveSecrets } from './served-secrets.js';
import { warnOfUnusedSocket } from './unused-socket.js';

/** One CSR at a time is all that one workload can use. */
const SIDECAR_TURNS = { maxInFlight: 1 };

/**
 * While the CA works on so many calls, keys are made for as many pods that come next, and proofs for those before. With
 * all of them in one line, agent and CA took turns: 5 % more time for 2 000 pods. More calls at once make longer turns
 * of the event loop, and no certificate comes sooner.
 */
const NODE_TURNS = { maxInFlight: 48, maxCalls: 24 };

/**
 * Builds and starts an agent: in sidecar mode one socket, one workload, one identity; in node mode one socket, and an
 * identity for each pod whose token comes in.
 *
 * The order is that of a fast start: gRPC is being loaded while the first key is made.
 */
export function startAgent(config: AgentConfig, context: AppContext): Promise<RunningApp> {
  return runApp(config, context, async (teardown) => {
    const watches = await start(config, context, teardown);
    const mode = config.tokenSource ?? config.mode;
    context.logger.info('agent ready', { [Field.path]: config.socket, [Field.mode]: mode });
    const { tokenSource, tokenFile } = config;
    if (tokenSource === 'file' && tokenFile !== undefined && (await isExposed(tokenFile))) {
      context.logger.warn('token file is readable for all users', { [Field.path]: tokenFile });
    }
    for (const path of shownFiles(config).filter((one) => one.endsWith('key.pem'))) {
      if (await isExposed(path)) context.logger.warn('key file is readable for all users', { [Field.path]: path });
    }
    return {
      address: config.socket,
      async reload() {
        await Promise.all(watches.map((one) => one.reload()));
        return followedFiles(config);
      },
    };
  });
}

/** The settings whose files and documents are followed or read at each use: all that an agent has. */
function followedFiles(config: AgentConfig): string[] {
  const flags = {
    'token-file': config.tokenFile,
    'ca-root': config.caRootFiles?.[0],
    'ca-client-cert': config.caClientCert,
    jwks: config.jwksFile,
    'identity-dir': config.identitySource === 'ca' ? undefined : config.identityDirectory,
    crl: config.crlFile,
    'federated-bundle': config.federatedBundles[0],
    'federated-endpoint': config.endpointUrls[0],
    'extra-roots': config.extraRootFiles?.[0],
    'secret-dir': config.secretDirectories?.[0],
  };
  return Object.entries(flags).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
}

const NO_ENVOYS = { count: 0, nodeIds: [] };

/** @returns what reads files. */
async function start(
  config: AgentConfig,
  context: AppContext,
  teardown: Teardown,
): Promise<{ reload(): Promise<void> }[]> {
  const { logger, now, random } = context;
  const served = servedWorkloads(config);
  const metrics = new MetricRegistry();
  const hotPath = chosenHotPath(config.hotPath, logger, metrics);
  const timers = new WallClockTimers(systemClock);
  teardown.add(() => timers.close());
  const network = import('./agent-network.js');
  const traces = await tracesOf(config, { context, metrics, teardown });
  const watches = new PathWatches(logger);
  const watch = new FileWatch({ timers, now, watches });
  teardown.add(() => watch.close());
  const settings = { ...config, federatedEndpoints: federatedEndpoints(config) };
  const readDocument = async (document: DocumentRequest): Promise<Buffer> =>
    (await import('./read-document.js')).readHttpsDocument(document);
  const endpoints = { random, metrics, readDocument };
  const catalog = await SecretCatalog.open(settings, { timers, now, logger, watches, endpoints });
  teardown.add(() => catalog.close());
  // There is an SVID before there is a listener, and a changed root only after both.
  let listener: EnvoyListener | undefined;
  const isSettled = (): boolean => listener?.isSettled() ?? true;
  const leaves = new ServedLeaves(now);
  const unacknowledged = () => ({
    bundle: listener?.withoutNewestBundle() ?? NO_ENVOYS,
    leaf: listener?.withFormerLeaf((newest, acked) => leaves.isBehind(newest, acked)) ?? NO_ENVOYS,
  });
  const { statusAddress, takesOver, mode } = config;
  const history = statusAddress && new History(now);
  if (history !== undefined) followRevocations(history, catalog);
  const acks = { isSettled, unacknowledged, leaves };
  const shared = { config, context, hotPath, metrics, timers, watch, catalog, network, teardown };
  const parts = { ...shared, ...acks, history, traces };
  const source = await openSource(served, parts);

  const podSockets = await podSocketsOf(source, parts, (wire) => listener?.attach(wire));
  const { listenForEnvoy } = await network;
  const onRejected = history?.rejection.bind(history);
  const secrets = { ...source.secrets, ...(podSockets && { source: podSockets.source }) };
  const onRollout = traces && ((rollout: EndedRollout) => traces.rolledOut(rollout));
  const told = { onRejected, onRollout };
  const opened = await listenForEnvoy(config, { context, metrics, hotPath, ...secrets, ...told });
  listener = opened;
  teardown.add(() => opened.close());
  if (mode === 'sidecar') {
    const streams = (): number => opened.status().streams;
    warnOfUnusedSocket({ path: config.socket, streams, timers, now, logger });
  }
  if (podSockets !== undefined) {
    // Before the streams are ended, which takes a second and more.
    teardown.add(() => podSockets.sockets.closeListeners());
    await podSockets.sockets.start();
  }
  const reading = [watch, catalog];
  if (history === undefined) return reading;
  const shown = {
    ...(podSockets && { podSockets: podSockets.sockets }),
    ...{ ...source, listener: opened, metrics, mode, history, now, trustDomain: config.trustDomain.name },
    readers: { chainPemOf, rootsPemOf: trustedCaOf },
    federation: () => catalog.federation(),
    peers: {
      sans: config.peerSans,
      crlPem: () => catalog.revocations.value,
      crlsAreForLeaves: () => catalog.revocations.areForLeaves,
    },
  };
  const makePage: MakePage = ({ agentStatus }) => agentStatus(shown);
  const { threshold } = context;
  await openStatusPage(statusAddress, makePage, { hotPath, metrics, logger, threshold, teardown, takesOver });
  return reading;
}

/** Loads what records traces only where a collector is configured. */
async function tracesOf(config: AgentConfig, surroundings: Omit<TraceSurroundings, 'service'>) {
  if (config.otlpEndpoint === undefined) return undefined;
  const { openTraces } = await import('../open-traces.js');
  const attributes = { 'k8s.namespace.name': config.namespace };
  return (await openTraces(config, { ...surroundings, service: 'sidecert-agent', attributes })).issuances;
}

/** Loads what serves a socket for each pod only where that is switched on. */
async function podSocketsOf({ secrets }: OpenedSource, parts: AgentParts, onWire: UnixListenersOptions['onWire']) {
  const { config } = parts;
  const { podSockets } = config;
  if (podSockets === undefined || secrets.admission === undefined) return undefined;
  const { openPodSockets } = await import('./pod-sockets.js');
  const { admission, source: byToken } = secrets;
  return openPodSockets({ ...config, podSockets }, { ...parts, admission, byToken, onWire });
}

/** What is for files is loaded only where they are. */
async function openSource(served: ServedWorkloads, parts: AgentParts): Promise<OpenedSource> {
  switch (served.kind) {
    case 'mounted-files': {
      const { openFromFiles } = await import('./mounted-files.js');
      return openFromFiles(served, parts);
    }
    case 'files-and-ca': {
      const { openMigration } = await import('./migration.js');
      return openMigration(served, parts, openFromCa);
    }
    default:
      return openFromCa(served, parts);
  }
}

async function openFromCa(served: IssuedWorkloads, parts: AgentParts): Promise<OpenedSource> {
  const {
    config,
    context,
    hotPath: kind,
    metrics,
    timers,
    watch,
    catalog,
    network,
    isSettled,
    teardown,
    traces,
  } = parts;
  const history = parts.history && identityHistory(parts.history);
  const { logger, now, random } = context;
  const cas = configuredCas(config);
  const hotPath = await openHotPath(served, { kind, logger, metrics });
  teardown.add(() => hotPath.close());
  let secrets: ServedSecrets | undefined;
  const clientCertificate = await shownCertificate(config, context, () => secrets?.ownIdentity);
  const extraRoots = await extraRootsOf(parts);
  const bundleNews = new BundleNews(now, random);
  const caClient = network.then(({ connectCa }) => {
    const told = { bundleToken: { read: () => bundleNews.readToken() }, unacknowledged: parts.unacknowledged };
    const client = connectCa({ ...config, cas, clientCertificate, ...told, metrics }, context);
    client.onBundle((bundlePem) => bundleNews.tell(bundlePem));
    client.onLists((lists) => {
      catalog.revocations.take(lists);
      bundleNews.replaceRevoked((serial) => catalog.revocations.isRevoked(serial));
    });
    const addRoots = (): void => client.addRoots(extraRoots?.pem ?? Buffer.alloc(0));
    addRoots();
    extraRoots?.onChange(addRoots);
    return client;
  });
  teardown.add(async () => (await caClient).close());
  const provider = privateKeyProviderOf(config);
  const issuance = new SvidIssuance({
    keyType: config.keyType,
    ttlMs: config.ttlMs,
    issuer: measuredIssuer({ issue: async (request) => (await caClient).issue(request) }, metrics),
    hotPath,
    rewriteCertificate: provider && ((body) => withPrivateKeyProvider(body, provider)),
    ...(served.kind === 'pods-of-node' ? NODE_TURNS : SIDECAR_TURNS),
    now,
    metrics,
  });
  const delivery = new DeliveryByAcks({ isSettled, timers, now });
  const files = new FileChanges(watch);
  const grounds = refusalGrounds({
    files,
    paths: [...cas.flatMap((ca) => ('rootFile' in ca ? [ca.rootFile] : [])), ...shownFiles(config)],
    caClient,
  });
  const renewal = { renewAt: config.renewAt, surviveOutageMs: config.surviveCaOutageMs };
  const bundles = new BundleInterner();
  const surroundings = {
    issuance,
    timers,
    delivery,
    bundles,
    bundleNews,
    grounds,
    renewal,
    history,
    traces,
    leaves: parts.leaves,
    now,
    random,
    logger,
  };
  const { trustDomain, tokenProofAgeMs: proofAgeMs, idleGraceMs } = config;
  const check = await tokenCheck(config, context, metrics);
  const serving = { trustDomain, proofAgeMs, idleGraceMs, check, catalog, surroundings, files, teardown };
  secrets = serveSecrets(served, serving);

  const output = await writeFiles(config, secrets.ownIdentity, { timers, now, logger, metrics, teardown });
  return { secrets, ca: await caClient, output };
}

/** Read before the first certificate, so that the first trust bundle has them. */
async function extraRootsOf({ config, context, watch, teardown }: AgentParts): Promise<ExtraRoots | undefined> {
  const { extraRootFiles: paths = [] } = config;
  if (paths.length === 0) return undefined;
  const { openExtraRoots } = await import('./extra-roots.js');
  return openExtraRoots({ paths, context, watch, teardown });
}

/** Loads what the CA is shown beside the token only where there is anything: few agents have it. */
async function shownCertificate(
  config: AgentConfig,
  context: AppContext,
  identity: () => WorkloadIdentity | undefined,
) {
  if (config.caClientCert === undefined && config.usesOwnSvid !== true) return undefined;
  const { clientCertificateOf } = await import('./client-certificate.js');
  return clientCertificateOf(config, context, identity);
}

function shownFiles({ caClientCert }: AgentConfig): string[] {
  return caClientCert === undefined ? [] : ['cert-chain.pem', 'key.pem'].map((name) => join(caClientCert, name));
}

/** Loads what writes the files of `--output-certs` only where there are any: few agents have them. */
async function writeFiles(
  config: AgentConfig,
  identity: WorkloadIdentity | undefined,
  { teardown, ...surroundings }: Omit<OutputSurroundings, 'identity'> & { readonly teardown: Teardown },
): Promise<Output | undefined> {
  if (config.outputCerts === undefined || identity === undefined) return undefined;
  const { startOutput } = await import('./output-certs.js');
  const output = startOutput(config, { ...surroundings, identity });
  teardown.add(() => output?.close());
  return output;
}

/** Loads what checks tokens by a key set: few agents have one. */
async function tokenCheck(
  { jwksFile: path, tokenIssuers: issuers, tokenAudiences: audiences }: AgentConfig,
  { logger, now }: AppContext,
  metrics: MetricRegistry,
): Promise<TokenCheck | undefined> {
  if (path === undefined) return undefined;
  const { openTokenCheck } = await import('./token-check.js');
  return openTokenCheck({ path, issuers, audiences, logger, now, metrics });
}
