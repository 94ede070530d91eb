import type { Fleet } from '../fleet.js';
import type { FleetReport } from './fleet-report.js';
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
  return page(report, charts);
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

function page(report: FleetReport, charts: readonly string[]): string {
  const { settings } = report;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>sidecert fleet</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --ink: light-dark(#1d2430, #e4e8ef); --paper: light-dark(#fff, #14181f); --faint: light-dark(#c9d0da, #3a4352); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
pre { overflow-x: auto; border: 1px solid var(--faint); border-radius: 6px; padding: 1rem; font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr)); gap: 1.5rem; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font: 11px system-ui, sans-serif; }
svg .axis { stroke: var(--faint); } figure { margin: 0; } figcaption { font-weight: 600; }
.verdict { font-weight: 600; color: ${report.isClean ? '#1a7f4b' : '#c0392b'}; }
</style></head><body>
<h1>${escapeHtml(settings.envoys)} fake Envoys on ${escapeHtml(settings.socket)}</h1>
<p>${escapeHtml(report.machine.date)}, Node ${escapeHtml(report.machine.node)}. <span class="verdict">${report.isClean ? 'Clean' : 'Not clean'}</span>.</p>
<pre>${escapeHtml(textReport(report).join('\n').trim())}</pre>
<div class="charts">${charts.join('\n')}</div>
<h2>Settings</h2><pre>${escapeHtml(JSON.stringify(settings, undefined, 2))}</pre>
</body></html>
`;
}

/** Server texts (of errors) are in the report: nothing of them may become markup. */
function escapeHtml(value: unknown): string {
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
