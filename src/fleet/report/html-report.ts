import type { Fleet } from '../fleet.js';
import type { FleetReport } from './fleet-report.js';
import { reportPage } from './report-page.js';
import { lineChart, scatterChart } from './svg-chart.js';
import { textReport } from './text-report.js';

/** At most so many rotations are drawn: the page stays one that a browser likes. */
const MAX_TIMELINES = 12;

/** A dot per stream up to this many; above it every second, third … */
const MAX_DOTS = 5000;

/** The report as one self-contained page. */
export function htmlReport(report: FleetReport, fleet: Fleet): string {
  const { recorder, loopDelay } = fleet;
  const rotations = [...recorder.rotations.values()].flat().slice(-MAX_TIMELINES);
  const charts = [
    lineChart({
      title: 'Time to first secret',
      xLabel: 'ms',
      yLabel: '% of streams',
      lines: [{ name: 'first secret', points: shares(recorder.firstSecretMs) }],
    }),
    lineChart({
      title: 'Rotations: how late each stream got the new version',
      xLabel: 'ms after the first push',
      yLabel: '% of streams',
      lines: rotations.map((rotation) => ({
        name: `${rotation.secretName} #${rotation.number}`,
        points: shares([...rotation.arrivalsMs].filter((ms) => !Number.isNaN(ms))),
      })),
    }),
    ...rotations.map((rotation) =>
      scatterChart({
        title: `${rotation.secretName} #${rotation.number}, stream by stream`,
        xLabel: 'ms after the first push',
        yLabel: 'number of the Envoy',
        points: dots(rotation.arrivalsMs),
      }),
    ),
    lineChart({
      title: 'PING round trips on quiet connections',
      xLabel: 's since the start',
      yLabel: 'ms',
      lines: [
        {
          name: 'slowest of each 50 ms',
          points: peaks(fleet.ping.samples.map((ping) => [ping.answeredAtMs - fleet.startedAtMs, ping.roundTripMs])),
        },
      ],
    }),
    lineChart({
      title: 'Event-loop delay of the fleet itself',
      xLabel: 's since the start',
      yLabel: 'ms',
      lines: [
        { name: 'max', points: loopDelay.slices.map(({ atMs, maxMs }) => [atMs / 1000, maxMs]) },
        { name: 'p99', points: loopDelay.slices.map(({ atMs, p99Ms }) => [atMs / 1000, p99Ms]) },
      ],
    }),
  ];
  const { settings, machine, isClean } = report;
  return reportPage({
    title: 'sidecert fleet',
    heading: `${settings.envoys} fake Envoys on ${settings.socket}`,
    ...{ machine, isClean, settings, charts, lines: textReport(report) },
  });
}

type Point = readonly [x: number, y: number];

/** For each percent of the streams, by when they had it. */
function shares(values: readonly number[]): Point[] {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return [];
  return Array.from({ length: 101 }, (_, percent): Point => {
    return [sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? 0, percent];
  });
}

function dots(arrivalsMs: Float32Array): Point[] {
  const every = Math.max(1, Math.ceil(arrivalsMs.length / MAX_DOTS));
  const points: Point[] = [];
  for (let envoy = 0; envoy < arrivalsMs.length; envoy += every) {
    const ms = arrivalsMs[envoy] ?? Number.NaN;
    if (!Number.isNaN(ms)) points.push([ms, envoy]);
  }
  return points;
}

/** The highest value of each 50 ms, over seconds. */
function peaks(samples: readonly Point[]): Point[] {
  const bySlice = new Map<number, number>();
  for (const [atMs, value] of samples) {
    const slice = Math.floor(atMs / 50);
    bySlice.set(slice, Math.max(bySlice.get(slice) ?? 0, value));
  }
  return [...bySlice].map(([slice, value]): Point => [slice / 20, value]);
}
