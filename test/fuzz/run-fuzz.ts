import { seededRandom } from '../support/prng.js';
import { usedBytes } from '../support/used-memory.js';
import type { Fault, FuzzSession, FuzzTarget } from './target.js';

export interface FuzzPlan {
  readonly runs: number;
  readonly seed: number;
  /** The number of the first run: with `runs` 1 it plays one run again. */
  readonly from?: number;
  /** Told now and then. */
  readonly onProgress?: (done: number) => void;
}

export interface FuzzReport {
  readonly runs: number;
  /** The first one, with the number of its run; nothing is run after it. */
  readonly fault: string | undefined;
  readonly slowestMs: number;
  readonly slowestRun: number;
  readonly grownMb: number;
  readonly met: Readonly<Record<string, number>>;
}

/**
 * A run that seems slow is run again this often, and the least CPU time of these counts: what else the machine does,
 * and when the garbage of other runs is collected, is no fault of the reader.
 */
const REPEATS = 4;

/** Whether the memory grows is looked at this often, after as many runs to warm up. */
const LOOKS = 10;

/**
 * Plays the runs of a target. Each has a seed of its own, made of the plan's and its number, so one can be played
 * alone. Bounded in time, each input, and in memory, all of them.
 */
export async function runFuzz(target: FuzzTarget, { runs, seed, from = 0, onProgress }: FuzzPlan): Promise<FuzzReport> {
  const session = await target.open();
  let fault: Fault;
  let slowest = { ms: 0, run: from };
  let grownMb = 0;
  let warmMb: number | undefined;
  const every = Math.max(1, Math.floor(runs / LOOKS));
  let done = 0;
  for (; done < runs && fault === undefined; done += 1) {
    const number = from + done;
    const startedAtMs = performance.now();
    fault = await outcomeOf(session, seed, number);
    const tookMs = performance.now() - startedAtMs;
    if (tookMs > slowest.ms) slowest = { ms: tookMs, run: number };
    if (fault === undefined && tookMs > target.maxInputMs) {
      const fastestMs = await fastestOf(session, seed, number);
      slowest = { ms: Math.min(tookMs, fastestMs), run: number };
      if (fastestMs > target.maxInputMs) fault = `took ${fastestMs.toFixed(1)} ms, allowed are ${target.maxInputMs}`;
    }
    if (fault !== undefined) fault = `run ${number} of seed ${seed}: ${fault}`;
    if ((done + 1) % every !== 0) continue;
    onProgress?.(done + 1);
    const usedMb = (await usedBytes()) / 2 ** 20;
    warmMb ??= usedMb;
    grownMb = Math.max(grownMb, usedMb - warmMb);
    if (grownMb > target.maxGrownMb) {
      fault ??= `after run ${number} of seed ${seed}: memory has grown by ${grownMb.toFixed(1)} MB, allowed are ${target.maxGrownMb}`;
    }
  }
  await session.close?.();
  return { runs: done, fault, slowestMs: slowest.ms, slowestRun: slowest.run, grownMb, met: session.met };
}

async function outcomeOf(session: FuzzSession, seed: number, number: number): Promise<Fault> {
  try {
    const outcome = session.run(seededRandom(Math.imul(seed, 0x9e3779b1) ^ number));
    // Not awaited where there is nothing to await: that is a turn of the microtasks for each of a million.
    return outcome instanceof Promise ? await outcome : outcome;
  } catch (error) {
    return `threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}

async function fastestOf(session: FuzzSession, seed: number, number: number): Promise<number> {
  let fastestMs = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    const before = process.cpuUsage();
    await outcomeOf(session, seed, number);
    const { user, system } = process.cpuUsage(before);
    fastestMs = Math.min(fastestMs, (user + system) / 1000);
  }
  return fastestMs;
}
