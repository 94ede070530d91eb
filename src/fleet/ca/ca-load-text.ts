import { countsText, distributionText, errorLines } from '../report/report-lines.js';
import type { CaLoadReport } from './ca-load-report.js';

/** The report as lines for a person. */
export function caLoadText(report: CaLoadReport): string[] {
  const { checks, connections, load, errors, completedMs, issuedMs, settings } = report;
  const { tlsVersion, keyExchange } = connections.agreement ?? {};
  const tls = tlsVersion === undefined ? '' : `, ${tlsVersion}${keyExchange === undefined ? '' : `, ${keyExchange}`}`;
  const unsent = report.unsent === 0 ? '' : `, ${report.unsent} not sent: too many were in flight`;
  return [
    '',
    `requests           ${report.requests} in ${report.durationMs} ms: ${report.offeredPerSecond} a second${unsent}`,
    `certificates       ${report.issued}: ${report.issuedPerSecond} a second`,
    `time to each       ${distributionText(issuedMs)}`,
    ...(completedMs === undefined || settings.retries !== true
      ? []
      : [`with its retries   ${distributionText(completedMs)}`]),
    ...errorLines(report),
    ...Object.entries(errors).flatMap(([kind, { latencyMs, retryAfterMs }]) => [
      `${''.padEnd(18)} ${kind} after ${distributionText(latencyMs)}`,
      ...(retryAfterMs === undefined
        ? []
        : [`${''.padEnd(18)} ${retryAfterMs.count} told when to come back: ${distributionText(retryAfterMs)}`]),
    ]),
    `connections        ${connections.opened} opened${tls}`,
    `checked            ${checks.checked} answers: ${countsText(checks.problems, 'all good')}`,
    `this load itself   ${load.cpuSeconds} s CPU, ${load.rssMb} MB, event loop late by at most ${load.loopDelayMaxMs} ms`,
    report.isClean ? 'clean: nothing is missing, nothing was wrong' : `NOT CLEAN (${report.outcome})`,
  ];
}
