import type { Answer } from './answer.js';
import { number } from './text-table.js';

/** In the units of the view box, which are about the pixels of a page. */
const WIDTH = 720;
const LABELS = 210;
const VALUES = 150;
const BAR = 14;
const LINE = 22;
const HEAD = 30;

/** Read by people who see few colours, on light and on dark. (Okabe and Ito) */
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

interface Bar {
  readonly group: string;
  readonly name: string;
  readonly value: number;
  /** What stands behind the bar. */
  readonly text: string;
}

/** One bar for each figure, those of a group on one scale and equal names in one colour. A whole SVG document. */
export function chartOf({ question, rates, distributions }: Answer): string {
  const bars: Bar[] = [
    ...rates.map(({ group, name, perSecond, errorPercent }) => ({
      ...{ group: `${group}, per second`, name, value: perSecond },
      text: `${number(perSecond)} ± ${errorPercent.toFixed(0)} %`,
    })),
    ...distributions.map(({ group, name, unit, p50, p99 }) => ({
      ...{ group: `${group}, p99 in ${unit}`, name, value: p99 },
      text: `${number(p99)} (p50 ${number(p50)})`,
    })),
  ];
  const names = [...new Set(bars.map(({ name }) => name))];
  const colorOf = (name: string): string => COLORS[names.indexOf(name) % COLORS.length] ?? 'gray';
  const parts: string[] = [];
  let y = 8;
  for (const group of new Set(bars.map((bar) => bar.group))) {
    parts.push(`<text x="0" y="${y + 16}" font-weight="bold">${escapeXml(group)}</text>`);
    y += HEAD;
    const ofGroup = bars.filter((bar) => bar.group === group);
    const largest = Math.max(...ofGroup.map(({ value }) => value));
    for (const bar of ofGroup) {
      parts.push(drawn(bar, { y, share: largest > 0 ? bar.value / largest : 0, color: colorOf(bar.name) }));
      y += LINE;
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 8}" role="img" aria-label="${escapeXml(question)}">
<style>text{font:13px system-ui,sans-serif;fill:#24292f}@media(prefers-color-scheme:dark){text{fill:#d0d7de}}</style>
${parts.join('\n')}
</svg>
`;
}

function drawn({ name, text }: Bar, { y, share, color }: { y: number; share: number; color: string }): string {
  const width = Math.max(1, share * (WIDTH - LABELS - VALUES)).toFixed(1);
  return [
    `<text x="${LABELS - 8}" y="${y + 11}" text-anchor="end">${escapeXml(name)}</text>`,
    `<rect x="${LABELS}" y="${y}" width="${width}" height="${BAR}" fill="${color}"/>`,
    `<text x="${LABELS + Number(width) + 6}" y="${y + 11}">${escapeXml(text)}</text>`,
  ].join('');
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
