import { reportPage } from '../report/report-page.js';
import { lineChart } from '../report/svg-chart.js';
import type { CaLoadReport, CaLoadSecondReport } from './ca-load-report.js';
import { caLoadText } from './ca-load-text.js';

/** The report as one self-contained page. */
export function caLoadPage(report: CaLoadReport, address: string): string {
  const { machine, isClean, settings, seconds } = report;
  const line = (name: string, of: (second: CaLoadSecondReport) => number | undefined) => ({
    name,
    points: seconds.flatMap((second, index): [number, number][] => {
      const value = of(second);
      return value === undefined ? [] : [[index, value]];
    }),
  });
  const charts = [
    lineChart({
      title: 'Requests in each second',
      xLabel: 's since the start',
      yLabel: 'requests',
      lines: [line('certificates', ({ issued }) => issued), line('failed', ({ failed }) => failed)],
    }),
    lineChart({
      title: 'Time to a certificate',
      xLabel: 's since the start',
      yLabel: 'ms',
      lines: [line('p50', ({ p50Ms }) => p50Ms), line('p99', ({ p99Ms }) => p99Ms)],
    }),
  ];
  return reportPage({
    ...{ title: 'sidecert load-ca', heading: `${report.requests} requests for certificates to ${address}` },
    ...{ machine, isClean, settings, charts, lines: caLoadText(report) },
  });
}
