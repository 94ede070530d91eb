import type { FailureRecord } from '../errors/index.js';
import { Field, Metric, type MetricRegistry } from '../telemetry/index.js';
import { type CaFacts, caSection, casSection, showCoolDowns } from './ca-section.js';
import { type FederationFacts, federationSection } from './federation-section.js';
import { type HistoryFacts, historySection } from './history-section.js';
import { failureSection, type IdentityFacts, identitySection, STATES } from './identity-section.js';
import { type MigrationFacts, migrationSection } from './migration-section.js';
import { type SdsFacts, sdsSection } from './sds-section.js';
import { type SecretReaders, ServedSections } from './served-section.js';
import { derBlocks } from './shown-certificate.js';
import type { StatusPage } from './status-page.js';
import type { JsonValue } from './status-pages.js';
import { timeText } from './time-text.js';

/** Above what a node runs. The page is made on the event loop: 500 pods take about a millisecond. */
const MAX_SHOWN = 500;

/** With their chains, each of which costs a tenth of a millisecond to read for the first time. */
const MAX_DETAILED = 100;

/** A list of a CA with ten thousand revoked certificates has 400 kB; a larger one is left out. */
const MAX_CRL_BYTES = 512 * 1024;

/** As the names together are called that are not configured. (agent/sds, "NameLabels") */
const OTHER_NAMES = 'other';

/** The socket of Envoy. */
export interface ListenerFacts {
  readonly path: string;
  readonly connectionCount: number;
  /** When a peer has connected last, in epoch milliseconds; `undefined`: never. */
  readonly lastConnectionMs: number | undefined;
  /** Sets the gauges of connections and calls. */
  showLoad(): void;
  /** Goes over all streams. */
  status(): SdsFacts;
}

/** How the files stand that are written for applications without SDS. */
export interface OutputFacts {
  readonly path: string;
  readonly state: string;
  readonly serial: string | undefined;
  /** Epoch milliseconds. */
  readonly writtenAtMs: number | undefined;
  readonly failures: number;
  readonly lastFailure: FailureRecord | undefined;
  /** Who is told of new files. */
  readonly notices: readonly {
    readonly to: string;
    readonly sentAtMs: number | undefined;
    readonly failures: number;
    readonly lastFailure: FailureRecord | undefined;
  }[];
}

/** Files that the identity is in. */
export interface MountedFilesFacts {
  readonly directory: string;
  /** When they were last read whole and found good, in epoch milliseconds; `undefined`: never. */
  readonly goodAtMs: number | undefined;
}

/** Where the pods below `--pod-sockets` stand. */
export interface PodSocketsFacts {
  readonly directory: string;
  readonly serving: number;
  readonly waiting: number;
  /** A few of those that are not served. */
  readonly refused: readonly { readonly name: string; readonly error: string }[];
}

export interface AgentStatusOptions {
  readonly secrets: { isServing(): boolean; identities(): readonly IdentityFacts[] };
  readonly listener: ListenerFacts;
  /** Where the identity is in files. */
  readonly files?: () => MountedFilesFacts;
  /** Where it moves from files to a CA. */
  readonly migration?: () => MigrationFacts;
  /** Where it comes from a CA. */
  readonly ca?: CaFacts;
  /** The files of `--output-certs`. */
  readonly output?: { status(): OutputFacts } | undefined;
  /** The sockets of `--pod-sockets`. */
  readonly podSockets?: { status(): PodSocketsFacts };
  readonly metrics: MetricRegistry;
  readonly mode: string;
  readonly trustDomain: string;
  readonly readers: SecretReaders;
  /** What of peers is checked besides their chain. */
  readonly peers: {
    /** URIs, as Envoy is told to match them. */
    readonly sans: readonly { readonly kind: string; readonly value: string }[];
    /** PEM; `undefined` without any. */
    crlPem(): Buffer | undefined;
    /** Whether Envoy holds leaves alone against them. */
    crlsAreForLeaves(): boolean;
  };
  /** The roots of other trust domains. */
  readonly federation?: () => readonly FederationFacts[];
  readonly history: HistoryFacts;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What an agent tells of itself: its identities, and who is on its socket. */
export function agentStatus(options: AgentStatusOptions): StatusPage {
  const { secrets, listener, files, migration, ca, output, metrics, mode, trustDomain, peers, history, now } = options;
  const { federation, podSockets } = options;
  const served = new ServedSections(options.readers);
  const expiry = metrics.gauge(Metric.svidExpirySeconds);
  const bundleExpiry = metrics.gauge(Metric.trustBundleExpirySeconds);
  const tolerance = metrics.gauge(Metric.svidOutageToleranceSeconds);
  const tooShort = metrics.gauge(Metric.identitiesBelowOutageTarget);
  const idle = metrics.gauge(Metric.identitiesIdle);
  const byState = STATES.map((state) => ({ state, gauge: metrics.gauge(Metric.identities, { state }) }));
  return {
    // There is a page only once there is the socket.
    notReady: () => (secrets.isServing() ? undefined : 'there is no valid certificate with its trust bundle'),
    collect() {
      const identities = secrets.identities();
      listener.showLoad();
      // Sets its own gauges.
      podSockets?.status();
      if (ca !== undefined) showCoolDowns(ca, metrics);
      const age = files && metrics.gauge(Metric.identityFilesAgeSeconds);
      age?.set((now() - (files?.().goodAtMs ?? Number.NaN)) / 1000);
      expiry.set((leastOf(identities, ({ notAfterMs }) => notAfterMs) - now()) / 1000);
      const lastRootEndMs = leastOf(identities, ({ held }) => held && served.lastRootEndMs(held));
      bundleExpiry.set((lastRootEndMs - now()) / 1000);
      tolerance.set(leastOf(identities, ({ outageToleranceMs }) => outageToleranceMs) / 1000);
      tooShort.set(identities.filter(({ survivesOutage }) => survivesOutage === false).length);
      idle.set(countIdle(identities));
      for (const { state, gauge } of byState) gauge.set(identities.filter(({ svid }) => svid === state).length);
    },
    sections() {
      const identities = secrets.identities();
      const shown = [...identities].sort(byUrgency).slice(0, MAX_SHOWN);
      const { path, connectionCount: connections, lastConnectionMs } = listener;
      const sds = listener.status();
      // Of all names that are not configured together: nothing of a migration.
      const ownNames = sds.names.filter(({ name }) => name !== OTHER_NAMES);
      return {
        mode,
        [Field.now]: timeText(now()),
        trust_domain: trustDomain,
        ca: ca && caSection(ca),
        cas: ca && casSection(ca),
        files: files && filesSection(files()),
        ...(migration && { migration: migrationSection(migration(), ownNames) }),
        sds: sdsSection({ path, connections, lastConnectionMs }, sds),
        ...(output && { output_certs: outputSection(output.status()) }),
        ...(podSockets && { pod_sockets: podSocketsSection(podSockets.status()) }),
        identity_count: identities.length,
        idle_count: countIdle(identities),
        identities: shown.map((identity, index) => ({
          ...identitySection(identity),
          ...(identity.held !== undefined && index < MAX_DETAILED ? served.ofCertificate(identity.held) : {}),
        })),
        bundles: served.bundles(shown.flatMap(({ held }) => held ?? [])),
        ...(federation && { federation: federationSection(federation()) }),
        peers: peersSection(peers),
        history: historySection(history),
      };
    },
  };
}

function peersSection({ sans, crlPem, crlsAreForLeaves }: AgentStatusOptions['peers']): JsonValue {
  const pem = crlPem();
  const isShown = pem !== undefined && pem.length <= MAX_CRL_BYTES;
  return {
    sans: sans.map(({ kind, value }) => ({ kind, value })),
    ...(pem !== undefined && { crl_bytes: pem.length, crls_for_leaves: crlsAreForLeaves() }),
    ...(isShown && { crls: derBlocks(pem).map((der) => der.toString('base64')) }),
  };
}

function filesSection({ directory, goodAtMs }: MountedFilesFacts): JsonValue {
  return { [Field.path]: directory, last_good: timeText(goodAtMs) };
}

function outputSection({ path, state, serial, writtenAtMs, failures, lastFailure, notices }: OutputFacts): JsonValue {
  return {
    [Field.path]: path,
    state,
    [Field.serial]: serial,
    written_at: timeText(writtenAtMs),
    failed_writes: failures,
    last_failure: failureSection(lastFailure),
    notices: notices.map((notice) => ({
      [Field.target]: notice.to,
      sent_at: timeText(notice.sentAtMs),
      failed_tries: notice.failures,
      last_failure: failureSection(notice.lastFailure),
    })),
  };
}

function countIdle(identities: readonly IdentityFacts[]): number {
  return identities.filter(({ isIdle }) => isIdle === true).length;
}

/** NaN where no identity has such a value. */
function leastOf(
  identities: readonly IdentityFacts[],
  readValue: (identity: IdentityFacts) => number | undefined,
): number {
  let least = Number.NaN;
  for (const identity of identities) {
    const value = readValue(identity);
    if (value !== undefined && !(value >= least)) least = value;
  }
  return least;
}

/** Those in trouble come first, then those whose SVID expires first: what is cut off matters least. */
function byUrgency(a: IdentityFacts, b: IdentityFacts): number {
  return b.failures - a.failures || (a.notAfterMs ?? 0) - (b.notAfterMs ?? 0);
}

function podSocketsSection({ directory, serving, waiting, refused }: PodSocketsFacts) {
  return { [Field.path]: directory, serving, waiting, refused };
}
