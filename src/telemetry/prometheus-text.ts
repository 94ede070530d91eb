import type { Histogram, MetricLabels, MetricSeries } from './metric-registry.js';

/** What a scraper is told about {@link prometheusText}. (Prometheus text format 0.0.4) */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** The series in Prometheus' text format: all of one metric together, below one HELP and one TYPE. */
export function prometheusText(series: readonly MetricSeries[]): string {
  const families = new Map<string, MetricSeries[]>();
  for (const one of series) {
    const family = families.get(one.definition.name);
    if (family === undefined) families.set(one.definition.name, [one]);
    else family.push(one);
  }
  return [...families.values()].map(familyText).join('');
}

function familyText(family: readonly MetricSeries[]): string {
  const [first] = family;
  if (first === undefined) return '';
  const { name, help, kind } = first.definition;
  const lines = family.flatMap(({ labels, metric }) =>
    'value' in metric
      ? [`${name}${labelText(labels)} ${numberText(metric.value)}`]
      : histogramLines(name, labels, metric),
  );
  return `# HELP ${name} ${help.replace(/[\\\n]/g, escaped)}\n# TYPE ${name} ${kind}\n${lines.join('\n')}\n`;
}

function histogramLines(name: string, labels: MetricLabels, { bounds, cumulative, sum, count }: Histogram): string[] {
  const buckets = cumulative.map((below, index) => {
    const le = numberText(bounds[index] ?? Number.POSITIVE_INFINITY);
    return `${name}_bucket${labelText({ ...labels, le })} ${below}`;
  });
  return [
    ...buckets,
    `${name}_sum${labelText(labels)} ${numberText(sum)}`,
    `${name}_count${labelText(labels)} ${count}`,
  ];
}

function labelText(labels: MetricLabels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\\n"]/g, escaped)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`;
}

/** As Go reads floats, which is how the format defines them. */
function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}
