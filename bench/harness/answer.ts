import type { Conditions } from './conditions.js';
import { median, type Percentiles } from './percentiles.js';

/** What a bench found out, as it stands in its JSON. */
export interface Answer {
  readonly name: string;
  readonly question: string;
  readonly note: string;
  readonly conditions: Conditions;
  readonly rates: readonly RateRow[];
  readonly distributions: readonly DistributionRow[];
  readonly ratios: readonly RatioRow[];
}

export interface RateRow {
  readonly group: string;
  readonly name: string;
  /** The median over all samples. */
  readonly perSecond: number;
  /** Half of the 95 % interval of the mean, in percent of it. */
  readonly errorPercent: number;
  readonly samples: number;
  /** The median of each round. */
  readonly rounds: readonly number[];
}

export interface DistributionRow extends Percentiles {
  readonly group: string;
  readonly name: string;
  readonly unit: string;
}

/** One rate as a multiple of another one of its group. */
export interface RatioSpec {
  readonly group: string;
  readonly of: string;
  readonly to: string;
  /** The budget of the design, where it has one. */
  readonly atLeast?: number;
}

export interface RatioRow extends RatioSpec {
  /** The median over the rounds: both rates of a round were measured within seconds, so noise hits both. */
  readonly ratio: number;
  readonly min: number;
  readonly max: number;
}

/** @throws Error when the ratio names a case that is not there. */
export function ratioOf(spec: RatioSpec, rates: readonly RateRow[]): RatioRow {
  const roundsOf = (name: string): readonly number[] => {
    const row = rates.find((rate) => rate.group === spec.group && rate.name === name);
    if (row === undefined) throw new Error(`ratio: got ${spec.group}, ${name}, expected one of the rates`);
    return row.rounds;
  };
  const to = roundsOf(spec.to);
  return { ...spec, ...spreadOf(roundsOf(spec.of).map((rate, round) => rate / (to[round] ?? Number.NaN))) };
}

export function spreadOf(ratios: readonly number[]): Pick<RatioRow, 'ratio' | 'min' | 'max'> {
  return { ratio: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
}

export function verdictOf({ ratio, atLeast }: RatioRow): string {
  if (atLeast === undefined) return '';
  return `budget ${atLeast}: ${ratio >= atLeast ? 'met' : 'MISSED'}`;
}
