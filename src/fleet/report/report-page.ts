import type { ReportMachine } from './fleet-report.js';

/** What a page of a report shows. */
export interface ReportPage {
  readonly title: string;
  readonly heading: string;
  readonly machine: ReportMachine;
  readonly isClean: boolean;
  /** The report as text. */
  readonly lines: readonly string[];
  /** Figures in SVG. */
  readonly charts: readonly string[];
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A page that needs nothing else. */
export function reportPage({ title, heading, machine, isClean, lines, charts, settings }: ReportPage): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --ink: light-dark(#1d2430, #e4e8ef); --paper: light-dark(#fff, #14181f); --faint: light-dark(#c9d0da, #3a4352); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
pre { overflow-x: auto; border: 1px solid var(--faint); border-radius: 6px; padding: 1rem; font-size: 13px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr)); gap: 1.5rem; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font: 11px system-ui, sans-serif; }
svg .axis { stroke: var(--faint); } figure { margin: 0; } figcaption { font-weight: 600; }
.verdict { font-weight: 600; color: ${isClean ? '#1a7f4b' : '#c0392b'}; }
</style></head><body>
<h1>${escapeHtml(heading)}</h1>
<p>${escapeHtml(machine.date)}, Node ${escapeHtml(machine.node)}. <span class="verdict">${isClean ? 'Clean' : 'Not clean'}</span>.</p>
<pre>${escapeHtml(lines.join('\n').trim())}</pre>
<div class="charts">${charts.join('\n')}</div>
<h2>Settings</h2><pre>${escapeHtml(JSON.stringify(settings, undefined, 2))}</pre>
</body></html>
`;
}

/** Server texts (of errors) are in the report: nothing of them may become markup. */
function escapeHtml(value: unknown): string {
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
