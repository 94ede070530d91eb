export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  /** How many samples they are of. */
  readonly count: number;
}

/** The smallest sample that at least `q` (0 to 1) of all do not exceed. NaN when there are none. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

export function median(samples: readonly number[]): number {
  const [low, high] = [
    quantile(samples, 0.5),
    -quantile(
      samples.map((sample) => -sample),
      0.5,
    ),
  ];
  return (low + high) / 2;
}

export function percentilesOf(samples: readonly number[]): Percentiles {
  const [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1].map((q) => quantile(samples, q)) as [number, number, number, number];
  return { p50, p90, p99, max, count: samples.length };
}

/** Of several rounds: what was usual of each percentile, and the largest of all. */
export function usualOf(rounds: readonly Percentiles[]): Percentiles {
  const usual = (key: 'p50' | 'p90' | 'p99'): number => median(rounds.map((round) => round[key]));
  return {
    p50: usual('p50'),
    p90: usual('p90'),
    p99: usual('p99'),
    max: Math.max(...rounds.map(({ max }) => max)),
    count: rounds.reduce((sum, { count }) => sum + count, 0),
  };
}
