import type { LeavesOfIssuer } from '../../citadel/issuance/index.js';
import type { ProcessMark } from '../../system/small-files/index.js';
import type { CitadelFacts, EndedReplica, Named } from './root-judgement.js';

/** Where a report is from, as far as others of the same machine can make use of it. */
export interface ReportOrigin {
  /** As of {@link ProcessMark}; left out when the process could not be marked. */
  readonly bootId?: ProcessMark['bootId'];
  /** Of the directory that has a record of each certificate which this process gives away. */
  readonly trail?: string;
}

/** What one replica tells the others of those whom it has issued to: JSON in a ConfigMap. */
export interface ReplicaReport extends ReportOrigin {
  /** Epoch milliseconds. */
  readonly atMs: number;
  /** It has issued nothing before; epoch milliseconds. Left out by older Citadels. */
  readonly startedAtMs?: number;
  /** It has ended, and issues nothing any more. */
  readonly hasEnded: boolean;
  readonly longestTtlMs: number;
  readonly forgotten: number;
  /** SHA-256 fingerprints of what it signs with, and of the roots. */
  readonly signer: string;
  readonly roots: readonly string[];
  readonly withOtherRoots: Named;
  readonly leaves: readonly LeavesOfIssuer[];
}

/** A replica that has not reported for so long has ended, or is cut off. Four reports. */
export const SILENT_MS = 120_000;

/** Of each list: a ConfigMap has a megabyte for all replicas. */
const MAX_NAMES = 10;
const MAX_ISSUERS = 8;

/** The ConfigMap, in the namespace of the Citadels. */
export const REPORTS_NAME = 'sidecert-citadel-replicas';

/** Since when all that was issued is known: the key beside those of the replicas. */
export const KNOWN_SINCE = 'known-since';

export function encodeReport(report: ReplicaReport): string {
  const short = <T extends Named>(named: T): T => ({ ...named, names: named.names.slice(0, MAX_NAMES) });
  // Those that expire last are in the way for longest.
  const leaves = report.leaves.toSorted((one, other) => other.untilMs - one.untilMs).slice(0, MAX_ISSUERS);
  return JSON.stringify({ ...report, withOtherRoots: short(report.withOtherRoots), leaves: leaves.map(short) });
}

/** What all replicas have told. */
export interface ReplicaReports {
  readonly knownSinceMs: number;
  readonly reports: ReadonlyMap<string, ReplicaReport>;
}

/** What is no report is left out. */
export function decodeReports(data: Readonly<Record<string, string>>): ReplicaReports {
  const { [KNOWN_SINCE]: knownSince = '', ...others } = data;
  const reports = new Map<string, ReplicaReport>();
  for (const [name, text] of Object.entries(others)) {
    const report = decodeReport(text);
    if (report !== undefined) reports.set(name, report);
  }
  const knownSinceMs = Date.parse(knownSince);
  return { knownSinceMs: Number.isNaN(knownSinceMs) ? Number.POSITIVE_INFINITY : knownSinceMs, reports };
}

function decodeReport(text: string): ReplicaReport | undefined {
  try {
    const report = JSON.parse(text);
    const { atMs, longestTtlMs, signer, roots, withOtherRoots, leaves } = Object(report);
    const isReport =
      [atMs, longestTtlMs].every(Number.isFinite) &&
      typeof signer === 'string' &&
      [roots, leaves].every(Array.isArray) &&
      [withOtherRoots, ...leaves].every((named) => Number.isFinite(named?.count) && Array.isArray(named.names));
    return isReport
      ? { ...report, forgotten: Number(report.forgotten) || 0, hasEnded: report.hasEnded === true }
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether a report tells of nothing that is left: its replica has ended, and its leaves have expired. One that is only
 * silent may have issued more after its report.
 */
export function isOver({ atMs, hasEnded, longestTtlMs, leaves }: ReplicaReport, nowMs: number): boolean {
  const hasIssuedLast = hasEnded || atMs + Math.max(SILENT_MS, longestTtlMs) < nowMs;
  return hasIssuedLast && leaves.every(({ untilMs }) => untilMs < nowMs);
}

/**
 * Reports of processes of one pod that have ended, as few as tell the same: a Citadel that is started again and again
 * leaves one each time. Those of the same authority, trail and boot become one, under the key of the newest; `null`
 * takes one away. `prefix` is that of the keys of the pod, `own` that of the process which runs now. Pure.
 */
export function withoutRepeats(
  reports: ReadonlyMap<string, ReplicaReport>,
  { prefix, own, nowMs }: { readonly prefix: string; readonly own: string; readonly nowMs: number },
): Map<string, ReplicaReport | null> {
  const groups = new Map<string, [string, ReplicaReport][]>();
  for (const [key, report] of reports) {
    const { signer, roots, hasEnded, bootId, trail } = report;
    const isSilent = hasEnded || report.atMs + SILENT_MS < nowMs;
    if (key === own || !key.startsWith(prefix) || !isSilent) continue;
    // What is known of one by its trail is not known of one without, or with another.
    const kind = JSON.stringify([signer, roots, hasEnded, bootId, trail]);
    groups.set(kind, [...(groups.get(kind) ?? []), [key, report]]);
  }
  const changes = new Map<string, ReplicaReport | null>();
  for (const group of groups.values()) {
    const [newest, ...older] = group.sort(([, one], [, other]) => other.atMs - one.atMs);
    if (newest === undefined || older.length === 0) continue;
    for (const [key] of older) changes.set(key, null);
    changes.set(
      newest[0],
      merged(
        newest[1],
        older.map(([, report]) => report),
      ),
    );
  }
  return changes;
}

function merged(newest: ReplicaReport, older: readonly ReplicaReport[]): ReplicaReport {
  const all = [newest, ...older];
  const leaves = new Map<string, LeavesOfIssuer>();
  for (const one of all.flatMap((report) => report.leaves)) {
    const { untilMs = 0, ...before } = leaves.get(one.issuer) ?? NO_LEAVES;
    leaves.set(one.issuer, { ...one, ...sumOf(before, one), untilMs: Math.max(untilMs, one.untilMs) });
  }
  const startedAtMs = Math.min(...all.map((report) => report.startedAtMs ?? 0));
  return {
    ...newest,
    ...(newest.startedAtMs !== undefined && { startedAtMs }),
    longestTtlMs: Math.max(...all.map(({ longestTtlMs }) => longestTtlMs)),
    forgotten: all.reduce((sum, { forgotten }) => sum + forgotten, 0),
    withOtherRoots: all.map(({ withOtherRoots }) => withOtherRoots).reduce(sumOf),
    leaves: [...leaves.values()],
  };
}

const NO_LEAVES: Named & { readonly untilMs?: number } = { count: 0, names: [] };

/** A workload that is in both counts twice: what is refused for it is refused either way. */
function sumOf(one: Named, other: Named): Named {
  return { count: one.count + other.count, names: [...new Set([...one.names, ...other.names])] };
}

/** The replicas as a step is judged by them; `killed` are those whose processes have ended, whatever they told last. */
export function factsOfReports(
  { knownSinceMs, reports }: ReplicaReports,
  nowMs: number,
  killed: ReadonlySet<string> = new Set(),
): { readonly citadels: readonly CitadelFacts[]; readonly ended: readonly EndedReplica[] } {
  const citadels: CitadelFacts[] = [];
  const ended: EndedReplica[] = [];
  for (const [key, { leaves, ...report }] of reports) {
    const name = `replica ${key}`;
    if (report.hasEnded || killed.has(key) || report.atMs + SILENT_MS < nowMs) {
      ended.push({ name, ...report, leaves: leaves.filter(({ untilMs }) => untilMs >= nowMs) });
    } else {
      const withOtherIssuer = leavesOfOthers(leaves, report.signer);
      citadels.push({ name, knownSinceMs, ...report, withOtherIssuer });
    }
  }
  return { citadels, ended };
}

/** Those that `signer` has not signed. */
export function leavesOfOthers(leaves: readonly LeavesOfIssuer[], signer: string): Named {
  const others = leaves.filter(({ issuer }) => issuer !== signer);
  return {
    count: others.reduce((sum, { count }) => sum + count, 0),
    names: others.flatMap(({ names }) => names),
  };
}
