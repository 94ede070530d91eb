import type { Distribution } from '../measure/distribution.js';
import type { FleetReport } from './fleet-report.js';

/** A line for each kind. */
export function errorLines({ errors }: Pick<FleetReport, 'errors'>): string[] {
  const lines = Object.entries(errors).map(
    ([kind, { count, first }]) => `error              ${count} × ${kind}${first === '' ? '' : `: ${first}`}`,
  );
  return lines.length === 0 ? ['errors             none'] : lines;
}

/** What there was of each, or `none`. */
export function countsText(counts: Readonly<Record<string, number>>, none: string): string {
  const parts = Object.entries(counts).map(([what, count]) => `${count} × ${what}`);
  return parts.length === 0 ? none : parts.join(', ');
}

export function distributionText(distribution: Distribution | undefined): string {
  if (distribution === undefined) return 'not measured';
  const { p50, p90, p99, max } = distribution;
  return `p50 ${p50}, p90 ${p90}, p99 ${p99}, max ${max} ms`;
}

export function milliseconds(value: number | undefined): string {
  return value === undefined ? 'never' : `${value} ms`;
}
