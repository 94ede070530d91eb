import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// Test files are started without --expose-gc; a context that is made behind this flag has the function all the same.
setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** What one collection finds dead may have kept more alive, by finalizers and weak references: these need turns. */
const COLLECTIONS = 4;

/** Rounds that are compared: so many that two of them may say anything. */
const ROUNDS = 5;

/** Bytes on the heap and beside it, in buffers, that are in use: garbage is collected first. */
export async function usedBytes(): Promise<number> {
  for (let pass = 0; pass < COLLECTIONS; pass += 1) {
    collectGarbage();
    await new Promise(setImmediate);
  }
  return usedWithGarbage();
}

/** The same in the middle of work, with garbage while all is below `limit`: to collect it takes the thread a while. */
export function usedBytesBelow(limit: number): number {
  // What the first finds dead of buffers is freed beside the thread; the second waits for it.
  for (let pass = 0; pass < 2 && usedWithGarbage() >= limit; pass += 1) collectGarbage();
  return usedWithGarbage();
}

function usedWithGarbage(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * Bytes that each round of the same work leaves in use: the median growth of some, behind one that warms up. A leak is
 * in every round. What V8 compiles, and drops again when it was not used for a while, is in one or two, at moments that
 * it chooses, and is several hundred kilobytes: one growth by itself says nothing.
 */
export async function leakOf(round: () => unknown): Promise<number> {
  await round();
  const growths: number[] = [];
  let before = await usedBytes();
  for (let count = 0; count < ROUNDS; count += 1) {
    await round();
    const after = await usedBytes();
    growths.push(after - before);
    before = after;
  }
  return medianOf(growths);
}

/** Bytes that what `make` returns keeps in use: the median of some times, for the reason of {@link leakOf}. */
export async function sizeOf(make: () => unknown): Promise<number> {
  const kept: unknown[] = [];
  return leakOf(() => kept.push(make())).finally(() => kept.splice(0));
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}
