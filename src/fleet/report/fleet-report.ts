import type { Fleet, FleetOutcome } from '../fleet.js';
import type { FleetOptions } from '../fleet-options.js';
import { type Distribution, distributionOf, round } from '../measure/distribution.js';
import type { RotationMeasure } from '../measure/rotation.js';
import type { SocketsKind } from '../sockets/open-sockets.js';

/** What `--json` writes. All times are milliseconds unless the name says otherwise. */
export interface FleetReport {
  readonly outcome: FleetOutcome;
  /** True when nothing is missing and nothing was wrong. */
  readonly isClean: boolean;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly machine: ReportMachine;
  readonly streams: number;
  /** Streams that have not had a single secret. */
  readonly unserved: number;
  readonly refusedConnects: number;
  /** From the beginning of its connect, of each stream. */
  readonly firstSecretMs: Distribution | undefined;
  /** From the start of the run until the last stream had its first secret. */
  readonly allServedMs: number | undefined;
  /** The same of streams that came back. */
  readonly returnedMs: Distribution | undefined;
  readonly rotations: readonly RotationReport[];
  readonly pingMs: Distribution | undefined;
  readonly pushes: number;
  readonly repeats: number;
  /** Streams and connects that failed, by kind, with the text of the first. */
  readonly errors: Readonly<Record<string, { readonly count: number; readonly first: string }>>;
  readonly checks: {
    readonly checked: number;
    readonly distinct: number;
    readonly problems: Readonly<Record<string, number>>;
  };
  /** Of the fleet itself: how much of the machine was its own. */
  readonly fleet: {
    readonly sockets: SocketsKind;
    readonly cpuSeconds: number;
    readonly rssMb: number;
    readonly loopDelayMaxMs: number;
  };
}

/** Where and when a run took place. */
export interface ReportMachine {
  readonly node: string;
  /** ISO 8601. */
  readonly date: string;
}

export interface RotationReport {
  readonly secret: string;
  readonly number: number;
  /** Since the start of the run. */
  readonly atMs: number;
  readonly streams: number;
  readonly reached: number;
  /** Streams that went straight to a later version. */
  readonly skipped: number;
  /** From the first push to the last ACK, as seen here. */
  readonly durationMs: number;
  /** How much later than the first each stream got it. */
  readonly skewMs: Distribution | undefined;
  /** PINGs on quiet connections that were under way in this time. */
  readonly pingMs: Distribution | undefined;
  readonly fleetCpuMicrosPerPush: number | undefined;
}

/** Makes the report of a run that is over. */
export function reportOf(fleet: Fleet, options: FleetOptions, outcome: FleetOutcome, date: Date): FleetReport {
  const { recorder, inspection, startedAtMs } = fleet;
  const rotations = [...recorder.rotations.values()].flat().map((rotation) => rotationReport(rotation, fleet));
  rotations.sort((a, b) => a.atMs - b.atMs);
  const { user, system } = process.cpuUsage();
  const problems = Object.fromEntries(inspection.problems);
  const isComplete = recorder.unservedCount === 0 && outcome === 'done' && hasAllRotations(fleet);
  return {
    outcome,
    isClean: isComplete && recorder.errors.size === 0 && inspection.problems.size === 0,
    settings: { ...options },
    machine: { node: process.version, date: date.toISOString() },
    streams: fleet.state.streams,
    unserved: recorder.unservedCount,
    refusedConnects: recorder.refusedConnects,
    firstSecretMs: distributionOf(recorder.firstSecretMs),
    allServedMs: recorder.allServedAtMs === undefined ? undefined : round(recorder.allServedAtMs - startedAtMs),
    returnedMs: distributionOf(recorder.returnedMs),
    rotations,
    pingMs: distributionOf(fleet.ping.samples.map(({ roundTripMs }) => roundTripMs)),
    pushes: recorder.pushes,
    repeats: recorder.repeats,
    errors: Object.fromEntries(
      [...recorder.errors].map(([kind, count]) => [kind, { count, first: recorder.errorDetails.get(kind) ?? '' }]),
    ),
    checks: { checked: inspection.checkedCount, distinct: inspection.distinctCount, problems },
    fleet: {
      sockets: fleet.socketsKind,
      cpuSeconds: round((user + system) / 1e6),
      rssMb: round(process.memoryUsage.rss() / 2 ** 20),
      loopDelayMaxMs: round(Math.max(0, ...fleet.loopDelay.slices.map(({ maxMs }) => maxMs))),
    },
  };
}

/** Of what was asked for by number. */
function hasAllRotations({ rotationsWanted, recorder }: Fleet): boolean {
  return rotationsWanted === Number.POSITIVE_INFINITY || recorder.completeRotations >= rotationsWanted;
}

function rotationReport(rotation: RotationMeasure, { recorder, ping, startedAtMs }: Fleet): RotationReport {
  const { firstPushAtMs, lastPushAtMs, reached, cpuMicros } = rotation;
  const pings = ping.samples.filter(
    ({ answeredAtMs, roundTripMs }) => answeredAtMs >= firstPushAtMs && answeredAtMs - roundTripMs <= lastPushAtMs,
  );
  return {
    secret: rotation.secretName,
    number: rotation.number,
    atMs: round(firstPushAtMs - startedAtMs),
    streams: recorder.measuredPerName,
    reached,
    skipped: rotation.skipped,
    durationMs: round(lastPushAtMs - firstPushAtMs),
    skewMs: distributionOf([...rotation.arrivalsMs].filter((ms) => !Number.isNaN(ms))),
    pingMs: distributionOf(pings.map(({ roundTripMs }) => roundTripMs)),
    fleetCpuMicrosPerPush: cpuMicros === undefined ? undefined : round(cpuMicros / reached),
  };
}
