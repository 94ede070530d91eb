/** The plot area and what surrounds it, in the units of the view box. */
const WIDTH = 480;
const HEIGHT = 260;
const MARGIN = { left: 52, right: 12, top: 8, bottom: 38 };

/** Told apart by people who see few colours, on light and on dark. (Okabe and Ito) */
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8c6bb1', '#999999'];

const TICKS = 5;

type Point = readonly [x: number, y: number];

interface Axes {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
}

export interface LineChart extends Axes {
  readonly lines: readonly { readonly name: string; readonly points: readonly Point[] }[];
}

export interface ScatterChart extends Axes {
  readonly points: readonly Point[];
}

/** A chart of lines as an SVG figure, with a legend when there are several. */
export function lineChart(chart: LineChart): string {
  const scale = scaleOf(chart.lines.flatMap(({ points }) => points));
  const lines = chart.lines.map(({ points }, index) => {
    const path = points.map((point, at) => `${at === 0 ? 'M' : 'L'}${scale.at(point)}`).join('');
    return `<path d="${path}" fill="none" stroke="${colorOf(index)}" stroke-width="1.5"/>`;
  });
  const legend = chart.lines.length < 2 ? [] : chart.lines.map(({ name }, index) => legendEntry(name, index));
  return figure(chart, scale, [...lines, ...legend]);
}

/** A chart of dots as an SVG figure. */
export function scatterChart(chart: ScatterChart): string {
  const scale = scaleOf(chart.points);
  // One path of short strokes: thousands of circles would make the page heavy.
  const path = chart.points.map((point) => `M${scale.at(point)}h1.2`).join('');
  return figure(chart, scale, [`<path d="${path}" stroke="${colorOf(0)}" stroke-width="1.2"/>`]);
}

interface Scale {
  readonly maxX: number;
  readonly maxY: number;
  at(point: Point): string;
}

/** Both axes begin at 0. */
function scaleOf(points: readonly Point[]): Scale {
  const maxX = niceMax(points.reduce((max, [x]) => Math.max(max, x), 0));
  const maxY = niceMax(points.reduce((max, [, y]) => Math.max(max, y), 0));
  return {
    maxX,
    maxY,
    at([x, y]) {
      const left = MARGIN.left + (x / maxX) * (WIDTH - MARGIN.left - MARGIN.right);
      const top = HEIGHT - MARGIN.bottom - (y / maxY) * (HEIGHT - MARGIN.top - MARGIN.bottom);
      return `${left.toFixed(1)} ${top.toFixed(1)}`;
    },
  };
}

/** The next number of the form 1, 2, 2.5 or 5 times a power of ten, for ticks that can be read. */
function niceMax(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= value) ?? 10;
  return step * power;
}

function figure(axes: Axes, scale: Scale, content: readonly string[]): string {
  const bottom = HEIGHT - MARGIN.bottom;
  const ticks = Array.from({ length: TICKS + 1 }, (_, index) => {
    const [x = '', y = ''] = [
      scale.at([(scale.maxX * index) / TICKS, 0]).split(' ')[0],
      scale.at([0, (scale.maxY * index) / TICKS]).split(' ')[1],
    ];
    return [
      `<path class="axis" d="M${x} ${bottom}v4M${MARGIN.left} ${y}H${WIDTH - MARGIN.right}"/>`,
      `<text x="${x}" y="${bottom + 16}" text-anchor="middle">${label((scale.maxX * index) / TICKS)}</text>`,
      `<text x="${MARGIN.left - 6}" y="${Number(y) + 4}" text-anchor="end">${label((scale.maxY * index) / TICKS)}</text>`,
    ].join('');
  });
  return `<figure><figcaption>${escapeXml(axes.title)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeXml(axes.title)}">${ticks.join('')}${content.join('')}
<text x="${(WIDTH + MARGIN.left) / 2}" y="${HEIGHT - 4}" text-anchor="middle">${escapeXml(axes.xLabel)}</text>
<text transform="translate(11 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">${escapeXml(axes.yLabel)}</text></svg></figure>`;
}

function legendEntry(name: string, index: number): string {
  const y = bottomOfLegend(index);
  const x = WIDTH - MARGIN.right - 4;
  return `<text x="${x}" y="${y}" text-anchor="end" style="fill:${colorOf(index)}">${escapeXml(name)}</text>`;
}

function bottomOfLegend(index: number): number {
  return HEIGHT - MARGIN.bottom - 8 - 13 * index;
}

function colorOf(index: number): string {
  return COLORS[index % COLORS.length] ?? '#000';
}

function label(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
