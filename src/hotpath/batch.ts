import type { Operation, Outcome } from './implementation.js';
import { operationError } from './operation-error.js';

/** Reads each item, has `work` done on all good ones together, and gives each its outcome, in order. */
export function batched<I, G, V>(
  op: Operation,
  items: readonly I[],
  read: (item: I) => G,
  work: (good: readonly G[]) => readonly Outcome<V>[],
): Outcome<V>[] {
  const good: G[] = [];
  const refused = items.map((item) => {
    try {
      good.push(read(item));
      return undefined;
    } catch (error) {
      return failure<V>(op, error);
    }
  });
  if (good.length === 0) return refused.filter((outcome) => outcome !== undefined);
  const worked = work(good)[Symbol.iterator]();
  return refused.map((outcome) => outcome ?? worked.next().value ?? failure(op, new Error('no outcome')));
}

/** An operation on single items, as one on batches. */
export function oneByOne<I, V>(op: Operation, operate: (item: I) => V): (items: readonly I[]) => Outcome<V>[] {
  return (items) =>
    items.map((item) => {
      try {
        return { ok: true, value: operate(item) };
      } catch (error) {
        return failure(op, error);
      }
    });
}

/** An error as data. */
export function failure<V>(op: Operation, error: unknown): Outcome<V> {
  const { code, message } = operationError(op, error);
  return { ok: false, code, message };
}
