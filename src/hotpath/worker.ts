/**
 * What runs in a thread of the pool. Bundled on its own, so it must import nothing but the hot path.
 */
import { constants, getPriority, setPriority } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { move, transferableSymbol, valueSymbol, workerData } from 'piscina';
import { batched } from './batch.js';
import type { Operation, Operations, Outcome } from './implementation.js';
import { loadOperation } from './operation.js';
import { type BatchMessage, buffersOf, readItem, type ThreadSettings } from './worker-protocol.js';

/** What the pool has chosen for its threads; tests load this module on their own. */
const { kind, niceness }: ThreadSettings = { kind: 'js', niceness: 0, ...workerData };

// On Linux a thread has a priority of its own. Elsewhere this would be that of the whole process. Counted from that of
// the process: an absolute one would be above it where the process is nice itself, which few may ask for.
if (niceness > 0 && process.platform === 'linux') {
  setPriority(Math.min(getPriority() + niceness, constants.priority.PRIORITY_LOW));
}

// For the whole process, and here since V8 sets it back whenever a thread makes its heap. While thousands of pods come,
// the loop keeps nearly all that it makes: a young generation that grows is copied around for up to 11 ms a time, one
// that does not for 5 at most and in the same time altogether. (docs/performance.md)
setFlagsFromString('--semi-space-growth-factor=1');

/**
 * Takes a {@link BatchMessage} and returns an {@link Outcome} for each of its items, in order: a bad item fails alone.
 * The bytes of the results are moved to the pool, not copied, so no key stays behind.
 */
export default async function runBatch(batch: BatchMessage): Promise<unknown> {
  const answer = await work(batch.op, batch.items);
  const bytes = answer.outcomes.flatMap((outcome) => (outcome.ok ? buffersOf(outcome.value) : []));
  // The CSRs of a batch may share their memory, which can be moved only once.
  const memory = new Set(bytes.map(({ buffer }) => buffer));
  return move({ [transferableSymbol]: [...memory], [valueSymbol]: answer });
}

interface Answer<O extends Operation> {
  readonly outcomes: readonly Outcome<Operations[O]['value']>[];
  readonly runMs: number;
}

async function work<O extends Operation>(op: O, items: readonly unknown[]): Promise<Answer<O>> {
  try {
    const operate = await loadOperation(kind, op);
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
