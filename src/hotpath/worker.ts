/**
 * What runs in a thread of the pool. Bundled on its own, so it must import nothing but the hot path.
 */
import { move, transferableSymbol, valueSymbol, workerData } from 'piscina';
import { batched } from './batch.js';
import type { HotPathKind, Operation, Operations, Outcome } from './implementation.js';
import { loadOperation } from './operation.js';
import { type Batch, buffersOf, readItem } from './worker-protocol.js';

/** Which implementation the pool has chosen for its threads. */
const KIND: HotPathKind = workerData === 'native' ? 'native' : 'js';

/**
 * Takes a {@link Batch} and returns an {@link Outcome} for each of its items, in order: a bad item fails alone. The
 * bytes of the results are moved to the pool, not copied, so no key stays behind.
 */
export default async function runBatch(batch: Batch): Promise<unknown> {
  const answer = await work(batch.op, batch.items);
  const memory = answer.outcomes.flatMap((outcome) => (outcome.ok ? buffersOf(outcome.value) : []));
  return move({ [transferableSymbol]: memory.map(({ buffer }) => buffer), [valueSymbol]: answer });
}

interface Answer<O extends Operation> {
  readonly outcomes: readonly Outcome<Operations[O]['value']>[];
  readonly runMs: number;
}

async function work<O extends Operation>(op: O, items: readonly unknown[]): Promise<Answer<O>> {
  try {
    const operate = await loadOperation(KIND, op);
    const startedAtMs = performance.now();
    const outcomes = batched(op, items, readItem[op], operate);
    return { outcomes, runMs: performance.now() - startedAtMs };
  } finally {
    for (const item of items) wipeKey(item);
  }
}

/** The pool sent a copy of the private key, made for this thread alone. */
function wipeKey(item: unknown): void {
  const key: unknown = Object(item).privateKey;
  if (key instanceof Uint8Array) key.fill(0);
}
