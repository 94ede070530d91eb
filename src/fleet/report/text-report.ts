import type { FleetReport, RotationReport } from './fleet-report.js';
import { countsText, distributionText, errorLines, milliseconds } from './report-lines.js';

const SOCKETS = { addon: 'sockets by the addon', node: 'sockets by Node.js' } as const;

/** The report as lines for a person. */
export function textReport(report: FleetReport): string[] {
  const { checks, fleet } = report;
  return [
    '',
    `streams            ${report.streams - report.unserved} of ${report.streams} served, ${report.refusedConnects} connects refused`,
    `first secret       ${distributionText(report.firstSecretMs)}; all served after ${milliseconds(report.allServedMs)}`,
    ...(report.returnedMs === undefined ? [] : [`secret on return   ${distributionText(report.returnedMs)}`]),
    ...report.rotations.flatMap(rotationLines),
    `PING, whole run    ${distributionText(report.pingMs)}`,
    `checked            ${checks.checked} secrets, ${checks.distinct} different: ${countsText(checks.problems, 'all good')}`,
    ...errorLines(report),
    `this fleet itself  ${fleet.cpuSeconds} s CPU, ${fleet.rssMb} MB, event loop late by at most ${fleet.loopDelayMaxMs} ms, ${SOCKETS[fleet.sockets]}`,
    report.isClean ? 'clean: nothing is missing, nothing was wrong' : `NOT CLEAN (${report.outcome})`,
  ];
}

function rotationLines(rotation: RotationReport): string[] {
  const { secret, number, reached, streams, skipped, durationMs, fleetCpuMicrosPerPush } = rotation;
  const skippedText = skipped > 0 ? `, ${skipped} went straight to a later one` : '';
  const cpu = fleetCpuMicrosPerPush === undefined ? '' : `; ${fleetCpuMicrosPerPush} µs of our own CPU per push`;
  return [
    `${`${secret} #${number}`.padEnd(18)} ${reached} of ${streams} streams${skippedText} in ${durationMs} ms${cpu}`,
    `${''.padEnd(18)} skew ${distributionText(rotation.skewMs)}; PING ${distributionText(rotation.pingMs)}`,
  ];
}
