import { type Answer, verdictOf } from './answer.js';
import { conditionsLine } from './conditions.js';

/** What a bench prints: its question, under which conditions, and a table of each kind of figure. */
export function textOf(answer: Answer): string {
  const tables = tablesOf(answer).map((rows) => aligned(rows));
  return [answer.question, `  ${conditionsLine(answer.conditions)}`, ...tables].join('\n');
}

/** The same tables for a document. */
export function markdownOf(answer: Answer): string {
  return tablesOf(answer)
    .map(([head = [], ...rows]) =>
      [head, head.map((_, column) => (column === 0 ? '---' : '---:')), ...rows]
        .map((row) => `| ${row.join(' | ')} |`)
        .join('\n'),
    )
    .join('\n\n');
}

type Row = readonly string[];

/** One table for each kind of figure that there is; the first row is its head. */
function tablesOf({ rates, distributions, ratios }: Answer): Row[][] {
  const tables: Row[][] = [];
  if (rates.length > 0) {
    const rows = rates.map(({ group, name, perSecond, errorPercent, samples }) => [
      `${group}, ${name}`,
      number(perSecond),
      `± ${errorPercent.toFixed(1)} %`,
      String(samples),
    ]);
    tables.push([['', 'per second', 'error', 'samples'], ...rows]);
  }
  if (distributions.length > 0) {
    const rows = distributions.map(({ group, name, unit, p50, p90, p99, max, count }) => [
      `${group}, ${name} (${unit})`,
      ...[p50, p90, p99, max].map(number),
      String(count),
    ]);
    tables.push([['', 'p50', 'p90', 'p99', 'max', 'samples'], ...rows]);
  }
  if (ratios.length > 0) {
    const rows = ratios.map((row) => [
      `${row.group}: ${row.of} to ${row.to}`,
      row.ratio.toFixed(2),
      `${row.min.toFixed(2)} – ${row.max.toFixed(2)}`,
      verdictOf(row),
    ]);
    tables.push([['', 'ratio', 'over the rounds', ''], ...rows]);
  }
  return tables;
}

/** Cells as columns, of which all but the first are aligned at their end. */
export function aligned(rows: readonly Row[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))),
    )
    .map((cells) => `  ${cells.join('  ')}`.trimEnd())
    .join('\n');
}

/** Three digits that count, with thin groups for the large ones. */
export function number(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en').replaceAll(',', ' ');
  if (value === 0) return '0';
  return String(Number(value.toPrecision(3)));
}
