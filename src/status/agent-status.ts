import { Field, Metric, type MetricRegistry } from '../telemetry/index.js';
import { type CaFacts, caSection, casSection, showCoolDowns } from './ca-section.js';
import { type IdentityFacts, identitySection, STATES } from './identity-section.js';
import type { StatusPage } from './status-page.js';
import type { JsonValue } from './status-pages.js';
import { timeText } from './time-text.js';

/** Above what a node runs. The page is made on the event loop: 500 pods take about a millisecond. */
const MAX_SHOWN = 500;

/** How a configured name stands with the streams that want it. */
export interface NameFacts {
  readonly name: string;
  readonly version: string | undefined;
  readonly versionCount: number;
  readonly streams: Readonly<Record<string, number>>;
  readonly lastRejection:
    | {
        readonly blames: string | undefined;
        readonly text: string;
        readonly version: string;
        readonly atMs: number;
      }
    | undefined;
}

/** The socket of Envoy. */
export interface ListenerFacts {
  readonly connectionCount: number;
  /** Sets the gauges of connections and calls. */
  showLoad(): void;
  /** Goes over all streams. */
  status(): { readonly streams: number; readonly names: readonly NameFacts[] };
}

/** How the files stand that are written for applications without SDS. */
export interface OutputFacts {
  readonly path: string;
  readonly state: string;
  readonly serial: string | undefined;
  /** Epoch milliseconds. */
  readonly writtenAtMs: number | undefined;
  readonly failures: number;
  readonly lastFailure: FailureFacts | undefined;
  /** Who is told of new files. */
  readonly notices: readonly {
    readonly to: string;
    readonly sentAtMs: number | undefined;
    readonly failures: number;
    readonly lastFailure: FailureFacts | undefined;
  }[];
}

interface FailureFacts {
  readonly code: string;
  readonly message: string;
  readonly atMs: number;
}

/** Files that the identity is in. */
export interface MountedFilesFacts {
  readonly directory: string;
  /** When they were last read whole and found good, in epoch milliseconds; `undefined`: never. */
  readonly goodAtMs: number | undefined;
}

/** Where an identity stands that moves from files to a CA. */
export interface MigrationFacts {
  readonly step: string;
  readonly served: string | undefined;
  readonly reason: string;
  readonly roots: { readonly served: number; readonly files: number; readonly ca: number };
  readonly areCaRootsMounted: boolean | undefined;
  readonly sources: Readonly<Record<'files' | 'ca', Omit<IdentityFacts, 'spiffeId'>>>;
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
  readonly metrics: MetricRegistry;
  readonly mode: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What an agent tells of itself: its identities, and who is on its socket. */
export function agentStatus(options: AgentStatusOptions): StatusPage {
  const { secrets, listener, files, migration, ca, output, metrics, mode, now } = options;
  const expiry = metrics.gauge(Metric.svidExpirySeconds);
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
      if (ca !== undefined) showCoolDowns(ca, metrics);
      const age = files && metrics.gauge(Metric.identityFilesAgeSeconds);
      age?.set((now() - (files?.().goodAtMs ?? Number.NaN)) / 1000);
      expiry.set((leastOf(identities, ({ notAfterMs }) => notAfterMs) - now()) / 1000);
      tolerance.set(leastOf(identities, ({ outageToleranceMs }) => outageToleranceMs) / 1000);
      tooShort.set(identities.filter(({ survivesOutage }) => survivesOutage === false).length);
      idle.set(countIdle(identities));
      for (const { state, gauge } of byState) gauge.set(identities.filter(({ svid }) => svid === state).length);
    },
    sections() {
      const identities = secrets.identities();
      return {
        mode,
        ca: ca && caSection(ca),
        cas: ca && casSection(ca),
        files: files && filesSection(files()),
        ...(migration && { migration: migrationSection(migration()) }),
        sds: sdsSection(listener.connectionCount, listener.status()),
        ...(output && { output_certs: outputSection(output.status()) }),
        identity_count: identities.length,
        idle_count: countIdle(identities),
        identities: [...identities].sort(byUrgency).slice(0, MAX_SHOWN).map(identitySection),
      };
    },
  };
}

function filesSection({ directory, goodAtMs }: MountedFilesFacts): JsonValue {
  return { [Field.path]: directory, last_good: timeText(goodAtMs) };
}

function migrationSection({ step, served, reason, roots, areCaRootsMounted, sources }: MigrationFacts): JsonValue {
  const sourceSection = ({ svid, serial, notAfterMs, lastFailure }: Omit<IdentityFacts, 'spiffeId'>): JsonValue => ({
    svid,
    [Field.serial]: serial,
    [Field.notAfter]: timeText(notAfterMs),
    last_failure: failureSection(lastFailure),
  });
  return {
    step,
    [Field.served]: served,
    [Field.reason]: reason,
    roots: { ...roots },
    ca_roots_are_mounted: areCaRootsMounted,
    sources: { files: sourceSection(sources.files), ca: sourceSection(sources.ca) },
  };
}

function sdsSection(connections: number, { streams, names }: ReturnType<ListenerFacts['status']>): JsonValue {
  const ofName = ({ name, version, versionCount, streams, lastRejection }: NameFacts): JsonValue => ({
    name,
    version,
    versions: versionCount,
    streams: { ...streams },
    last_rejection: lastRejection && {
      blames: lastRejection.blames,
      [Field.error]: lastRejection.text,
      [Field.version]: lastRejection.version,
      at: timeText(lastRejection.atMs),
    },
  });
  return { connections, streams, names: names.map(ofName) };
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

function failureSection(failure: FailureFacts | undefined): JsonValue {
  return failure && { [Field.code]: failure.code, [Field.error]: failure.message, at: timeText(failure.atMs) };
}

function countIdle(identities: readonly IdentityFacts[]): number {
  return identities.filter(({ isIdle }) => isIdle === true).length;
}

/** NaN without any SVID. */
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
