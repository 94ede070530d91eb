import { performance } from 'node:perf_hooks';
import { type Percentiles, percentilesOf } from './percentiles.js';

/** One thing that is measured. Cases of one group are drawn on one scale and compared with each other. */
export type Case = RateCase | DistributionCase;

interface Named {
  readonly group: string;
  /** Within its group. */
  readonly name: string;
}

/** How many a second. */
export interface RateCase extends Named {
  readonly kind: 'rate';
  /** What is counted: how many of it a call does. */
  readonly itemsPerCall: number;
  readonly isAsync: boolean;
  readonly call: () => unknown;
  /** Makes one call and throws unless its result is right. */
  readonly prove: () => Promise<void>;
}

/** How long, or how much: by percentiles, since a mean hides what matters. */
export interface DistributionCase extends Named {
  readonly kind: 'distribution';
  readonly unit: string;
  /** How often a round repeats it. */
  readonly repeat: number;
  readonly measure: (repeat: number) => Promise<Percentiles>;
  readonly prove: () => Promise<void>;
}

/** A case that counts calls of `run`. `check` gets one result and throws unless it is right. */
export function rate<T>(
  spec: Named & { itemsPerCall?: number; run: () => T; check: (result: T) => void | Promise<void> },
): Case {
  const { group, name, itemsPerCall = 1, run, check } = spec;
  const prove = async (): Promise<void> => check(await run());
  return { kind: 'rate', group, name, itemsPerCall, isAsync: false, call: run, prove };
}

/** The same where `run` takes turns of the event loop; one call ends before the next begins. */
export function asyncRate<T>(
  spec: Named & { itemsPerCall?: number; run: () => Promise<T>; check: (result: T) => void | Promise<void> },
): Case {
  const { group, name, itemsPerCall = 1, run, check } = spec;
  return { kind: 'rate', group, name, itemsPerCall, isAsync: true, call: run, prove: async () => check(await run()) };
}

/** A case that takes the time of each call, in microseconds. */
export function latency<T>(
  spec: Named & { repeat: number; run: () => T | Promise<T>; check: (result: T) => void | Promise<void> },
): Case {
  const { group, name, repeat, run, check } = spec;
  const measure = async (times: number): Promise<Percentiles> => {
    const samples: number[] = [];
    for (let time = 0; time < times; time += 1) {
      const startedAt = performance.now();
      await run();
      samples.push(1000 * (performance.now() - startedAt));
    }
    return percentilesOf(samples);
  };
  return { kind: 'distribution', group, name, unit: 'µs', repeat, measure, prove: async () => check(await run()) };
}

/** A case that knows how to measure itself; `measure` also proves that what it measured was right. */
export function distribution(
  spec: Named & { unit: string; repeat: number; measure: (repeat: number) => Promise<Percentiles> },
): Case {
  return { kind: 'distribution', ...spec, prove: async () => void (await spec.measure(1)) };
}
