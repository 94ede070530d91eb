import type { TlsAgreement } from '../../net/transport/index.js';
import { type Distribution, distributionOf, round } from '../measure/distribution.js';
import type { ReportMachine } from '../report/fleet-report.js';
import type { CaLoad, CaLoadOutcome } from './ca-load.js';
import type { CaLoadOptions } from './ca-load-options.js';

/** What `--json` writes. All times are milliseconds unless the name says otherwise. */
export interface CaLoadReport {
  readonly outcome: CaLoadOutcome;
  /**
   * True when each request got a good certificate; at a rate also when the CA has refused some because it had too much
   * to do.
   */
  readonly isClean: boolean;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly machine: ReportMachine;
  readonly durationMs: number;
  readonly requests: number;
  /** Were due while too many were in flight, and not sent. */
  readonly unsent: number;
  readonly issued: number;
  readonly issuedPerSecond: number;
  readonly offeredPerSecond: number;
  /** Of attempts that brought a certificate: from their beginning, at a rate from when they were due. */
  readonly issuedMs: Distribution | undefined;
  /** Of requests that came to one: from when they were due, waits between attempts included. */
  readonly completedMs: Distribution | undefined;
  /** Attempts that failed, by gRPC status, with the text of the first. */
  readonly errors: Readonly<Record<string, FailureReport>>;
  readonly seconds: readonly CaLoadSecondReport[];
  readonly connections: { readonly opened: number; readonly agreement: TlsAgreement | undefined };
  readonly checks: { readonly checked: number; readonly problems: Readonly<Record<string, number>> };
  /** Of the load itself: how much of the machine was its own. */
  readonly load: { readonly cpuSeconds: number; readonly rssMb: number; readonly loopDelayMaxMs: number };
}

export interface FailureReport {
  readonly count: number;
  readonly first: string;
  readonly latencyMs: Distribution | undefined;
  /** What the CA wants to be waited for, of those that were told. */
  readonly retryAfterMs: Distribution | undefined;
}

export interface CaLoadSecondReport {
  readonly begun: number;
  readonly issued: number;
  readonly failed: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

/** Makes the report of a run that is over. */
export function caLoadReport(load: CaLoad, options: CaLoadOptions, outcome: CaLoadOutcome, date: Date): CaLoadReport {
  const { times, checks, connections, loopDelay } = load;
  const durationMs = round(load.endedAtMs - load.startedAtMs);
  const perSecond = (count: number): number => round((count * 1000) / durationMs);
  const { user, system } = process.cpuUsage();
  const issued = times.issuedMs.length;
  return {
    outcome,
    isClean: outcome === 'done' && times.unsent === 0 && checks.problems.size === 0 && isAnswered(load, options),
    settings: { ...options },
    machine: { node: process.version, date: date.toISOString() },
    durationMs,
    requests: times.begun,
    unsent: times.unsent,
    issued,
    issuedPerSecond: perSecond(issued),
    offeredPerSecond: perSecond(issued + times.failed + times.unsent),
    issuedMs: distributionOf(times.issuedMs),
    completedMs: distributionOf(times.completedMs),
    errors: Object.fromEntries(
      [...times.failures].map(([kind, { first, latenciesMs, retryAfterMs }]): [string, FailureReport] => [
        kind,
        {
          ...{ count: latenciesMs.length, first },
          ...{ latencyMs: distributionOf(latenciesMs), retryAfterMs: distributionOf(retryAfterMs) },
        },
      ]),
    ),
    seconds: times.seconds.map(({ begun, issued: inIt, failed, latenciesMs }) => {
      const { p50, p99 } = distributionOf(latenciesMs) ?? {};
      return { begun, issued: inIt, failed, p50Ms: p50, p99Ms: p99 };
    }),
    connections: { opened: connections.opened, agreement: connections.agreement },
    checks: { checked: checks.checkedCount, problems: Object.fromEntries(checks.problems) },
    load: {
      cpuSeconds: round((user + system) / 1e6),
      rssMb: round(process.memoryUsage.rss() / 2 ** 20),
      loopDelayMaxMs: round(Math.max(0, ...loopDelay.slices.map(({ maxMs }) => maxMs))),
    },
  };
}

/** Whether each request came to what it could. */
function isAnswered({ times }: CaLoad, { rate, retries }: CaLoadOptions): boolean {
  if (times.issuedMs.length === 0) return false;
  if (retries) return times.completedMs.length === times.begun;
  return [...times.failures.keys()].every((kind) => rate !== undefined && kind === 'RESOURCE_EXHAUSTED');
}
