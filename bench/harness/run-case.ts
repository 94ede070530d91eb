import { performance } from 'node:perf_hooks';
import Benchmark from 'benchmark';
import type { DistributionRow, RateRow } from './answer.js';
import type { Case, DistributionCase, RateCase } from './cases.js';
import { median, type Percentiles, usualOf } from './percentiles.js';

/** Of one case in one round: short, so that two cases are compared within a second or two. */
const ROUND_SECONDS = 0.2;

/** Enough for V8 to have compiled what is measured, before the first round. */
const WARM_UP_MS = 200;

/** Two-sided 95 % of the normal distribution: there are far more than 30 samples. */
const Z_95 = 1.96;

/**
 * Runs all cases once a round, one after the other: what else the machine does then hits all of them alike.
 * @throws what a case throws.
 */
export async function runRounds(
  cases: readonly Case[],
  rounds: number,
): Promise<{ rates: RateRow[]; distributions: DistributionRow[] }> {
  const recorders = cases.map((one) => (one.kind === 'rate' ? rateRecorder(one) : distributionRecorder(one)));
  for (const one of cases) await warmUp(one);
  for (let round = 0; round < rounds; round += 1) for (const recorder of recorders) await recorder.record();
  const rows = recorders.map((recorder) => recorder.row());
  return {
    rates: rows.filter((row) => 'perSecond' in row),
    distributions: rows.filter((row) => 'unit' in row),
  };
}

/** One call of each, which has been proven before: what a smoke can say. */
export function smokeRows(cases: readonly Case[]): { rates: RateRow[]; distributions: DistributionRow[] } {
  const nothing = { perSecond: 0, errorPercent: 0, samples: 0, rounds: [0] };
  const none = { p50: 0, p90: 0, p99: 0, max: 0, count: 0 };
  return {
    rates: cases.flatMap(({ kind, group, name }) => (kind === 'rate' ? [{ group, name, ...nothing }] : [])),
    distributions: cases.flatMap((one) =>
      one.kind === 'distribution' ? [{ group: one.group, name: one.name, unit: one.unit, ...none }] : [],
    ),
  };
}

async function warmUp(one: Case): Promise<void> {
  const endAt = performance.now() + WARM_UP_MS;
  while (performance.now() < endAt) {
    if (one.kind === 'rate') await one.call();
    else await one.measure(1);
  }
}

function rateRecorder(one: RateCase): { record(): Promise<void>; row(): RateRow } {
  const rounds: number[] = [];
  const all: number[] = [];
  let calls = 1;
  return {
    async record() {
      const { seconds, callsPerSample } = await sample(one, calls);
      calls = callsPerSample;
      rounds.push(one.itemsPerCall / median(seconds));
      all.push(...seconds);
    },
    row: () => ({
      group: one.group,
      name: one.name,
      perSecond: one.itemsPerCall / median(all),
      errorPercent: errorPercentOf(all),
      samples: all.length,
      rounds,
    }),
  };
}

function distributionRecorder(one: DistributionCase): { record(): Promise<void>; row(): DistributionRow } {
  const rounds: Percentiles[] = [];
  return {
    async record() {
      rounds.push(await one.measure(one.repeat));
    },
    row: () => ({ group: one.group, name: one.name, unit: one.unit, ...usualOf(rounds) }),
  };
}

/** Where results go, so that V8 cannot leave out work whose result nobody looks at. */
const sink: { value: unknown } = { value: undefined };

/**
 * Seconds per call, sampled by the `benchmark` package for a round. `initCount` is how many calls it begins with to
 * find out how many make a sample: what the round before found.
 */
function sample(one: RateCase, initCount: number): Promise<{ seconds: readonly number[]; callsPerSample: number }> {
  return new Promise((resolve, reject) => {
    let hasFailed = false;
    const call = one.isAsync
      ? (deferred: Benchmark.Deferred) => {
          Promise.resolve(one.call()).then((value) => {
            sink.value = value;
            deferred.resolve();
          }, reject);
        }
      : () => {
          // The package cannot be stopped within a sample, which may have a million calls to go.
          if (hasFailed) return;
          try {
            sink.value = one.call();
          } catch (error) {
            hasFailed = true;
            reject(error);
          }
        };
    const bench = new Benchmark(call, {
      defer: one.isAsync,
      async: true,
      initCount,
      maxTime: ROUND_SECONDS,
      minSamples: 3,
    });
    // The package only notes an error of its first call, and a bench that fails would be a fast one.
    bench.on('error', () => reject(bench.error));
    bench.on('complete', () => resolve({ seconds: bench.stats.sample, callsPerSample: bench.count }));
    bench.run();
  });
}

function errorPercentOf(samples: readonly number[]): number {
  const mean = samples.reduce((sum, one) => sum + one, 0) / samples.length;
  const variance = samples.reduce((sum, one) => sum + (one - mean) ** 2, 0) / Math.max(1, samples.length - 1);
  return (100 * Z_95 * Math.sqrt(variance / samples.length)) / mean;
}
