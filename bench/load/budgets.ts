import type { RotationReport } from '../../src/fleet/index.js';
import type { Outcome } from './scenes.js';

/** One promise, and what came of it. */
export interface Row {
  readonly what: string;
  readonly measured: number | undefined;
  /** The most that is promised; without one the figure is only told. */
  readonly budget?: number;
  readonly unit: string;
  /** A budget of any size of load, however small: one that is missed is a fault, and no question of time. */
  readonly isOfAnySize?: true;
}

/** The figure as it is printed, to a tenth; `undefined` when nothing was measured. */
export function shownFigure({ measured }: Row): string | undefined {
  return measured !== undefined && Number.isFinite(measured) ? measured.toFixed(1) : undefined;
}

/** True when a promise is broken, or nothing came that could keep it. What is printed is what is compared. */
export function isMissed(row: Row): boolean {
  const shown = shownFigure(row);
  return row.budget !== undefined && !(shown !== undefined && Number(shown) <= row.budget);
}

/** The rows of a load that is too small for its figures to mean anything: only the budgets of any size are left. */
export function ofSmallLoad(rows: readonly Row[]): Row[] {
  return rows.map((row) => {
    if (row.isOfAnySize) return row;
    const { budget: _, ...rest } = row;
    return rest;
  });
}

/** Of the whole: refused connects and wrong secrets are faults, whatever the figures are. */
function faults({ report }: Outcome): Row[] {
  return [
    { what: 'refused connects', measured: report.refusedConnects, budget: 0, unit: '', isOfAnySize: true },
    { what: 'secrets missing or wrong', measured: report.isClean ? 0 : 1, budget: 0, unit: '', isOfAnySize: true },
  ];
}

/** Budgets of "5 000 Envoys at once". */
export function ofCrowd(outcome: Outcome, budgets: { readonly allServedMs: number; readonly rssMb: number }): Row[] {
  return [
    ...faults(outcome),
    { what: 'last first secret', measured: outcome.report.allServedMs, budget: budgets.allServedMs, unit: 'ms' },
    {
      what: 'RSS of the server with all of them',
      measured: outcome.serverAtFirst.rssMb,
      budget: budgets.rssMb,
      unit: 'MB',
    },
    { what: 'RSS when they have gone', measured: outcome.rssAfterMb, unit: 'MB' },
    {
      what: 'event-loop delay while they come, max',
      measured: outcome.serverAtFirst.delayMaxMs,
      budget: 20,
      unit: 'ms',
    },
  ];
}

/**
 * Budgets of "one rotation to these". The rotations of the leaf that all streams took part in, without the first: V8
 * compiles in it.
 */
export function ofRotations({ report, serverAtRotations }: Outcome): Row[] {
  const rotations = report.rotations.filter(({ reached, streams }) => reached === streams).slice(1);
  const pushes = report.rotations.reduce((sum, { reached }) => sum + reached, 0);
  const worst = (of: (rotation: RotationReport) => number | undefined): number | undefined =>
    rotations.length === 0 ? undefined : Math.max(...rotations.map((rotation) => of(rotation) ?? Number.NaN));
  return [
    {
      what: 'first push to last ACK, slowest rotation',
      measured: worst((one) => one.durationMs),
      budget: 100,
      unit: 'ms',
    },
    {
      what: 'CPU of the server per push and ACK',
      measured: serverAtRotations && (serverAtRotations.burstCpuMs * 1000) / pushes,
      budget: 25,
      unit: 'us',
    },
    { what: 'PING p99 during it, slowest rotation', measured: worst((one) => one.pingMs?.p99), budget: 10, unit: 'ms' },
    { what: 'event-loop delay of the agent, p99', measured: serverAtRotations?.delayP99Ms, budget: 10, unit: 'ms' },
    { what: 'event-loop delay of the agent, max', measured: serverAtRotations?.delayMaxMs, budget: 20, unit: 'ms' },
  ];
}

/** Budgets of "2 000 Envoys with an identity each". */
export function ofIdentities(outcome: Outcome): Row[] {
  const { serverAtFirst: agent, citadelAtFirst: citadel, report } = outcome;
  return [
    ...faults(outcome),
    { what: 'all keys, CSRs, certificates and pushes', measured: report.allServedMs, budget: 1500, unit: 'ms' },
    { what: 'event-loop delay of the agent, p99', measured: agent.delayP99Ms, budget: 10, unit: 'ms' },
    { what: 'event-loop delay of the agent, max', measured: agent.delayMaxMs, budget: 20, unit: 'ms' },
    { what: 'event-loop delay of Citadel, p99', measured: citadel?.delayP99Ms, unit: 'ms' },
    { what: 'CPU of the agent', measured: agent.cpuMs, unit: 'ms' },
    { what: 'CPU of Citadel', measured: citadel?.cpuMs, unit: 'ms' },
    { what: 'RSS of the agent', measured: agent.rssMb, unit: 'MB' },
    { what: 'RSS of Citadel', measured: citadel?.rssMb, unit: 'MB' },
  ];
}
