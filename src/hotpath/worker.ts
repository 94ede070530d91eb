/**
 * What runs in a thread of the pool. Bundled on its own, so it must import nothing but the hot path.
 */
import { move, transferableSymbol, valueSymbol } from 'piscina';
import type { HotPathImplementation, Operation, Operations } from './implementation.js';
import { prepare } from './js/prepare.js';
import { seal } from './js/seal.js';
import { operationError } from './operation-error.js';
import { type Batch, buffersOf, type Outcome, readItem } from './worker-protocol.js';

/** `issue` brings an ASN.1 library: the first CSR loads it, so that the agent's threads never pay for it. */
const load: { readonly [O in Operation]: () => Promise<HotPathImplementation[O]> } = {
  prepare: async () => prepare,
  seal: async () => seal,
  issue: once(async () => {
    const [{ issue }, { SignerCache }] = await Promise.all([import('./js/issue.js'), import('./js/loaded-signer.js')]);
    const signers = new SignerCache();
    return (item) => issue(item, signers);
  }),
};

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/**
 * Takes a {@link Batch} and returns an {@link Outcome} for each of its items, in order: a bad item fails alone. The
 * bytes of the results are moved to the pool, not copied, so no key stays behind.
 */
export default async function runBatch(batch: Batch): Promise<unknown> {
  const outcomes = await outcomesOf(batch.op, batch.items);
  const memory = outcomes.flatMap((outcome) => (outcome.ok ? buffersOf(outcome.value) : []));
  return move({ [transferableSymbol]: memory.map(({ buffer }) => buffer), [valueSymbol]: outcomes });
}

async function outcomesOf<O extends Operation>(
  op: O,
  items: readonly unknown[],
): Promise<Outcome<Operations[O]['value']>[]> {
  const operate = await load[op]();
  return items.map((item) => outcomeOf(op, operate, item));
}

function outcomeOf<O extends Operation>(
  op: O,
  operate: HotPathImplementation[O],
  item: unknown,
): Outcome<Operations[O]['value']> {
  try {
    return { ok: true, value: operate(readItem[op](item)) };
  } catch (error) {
    const { code, message } = operationError(op, error);
    return { ok: false, code, message };
  } finally {
    wipeKey(item);
  }
}

/** The pool sent a copy of the private key, made for this thread alone. */
function wipeKey(item: unknown): void {
  const key: unknown = Object(item).privateKey;
  if (key instanceof Uint8Array) key.fill(0);
}
