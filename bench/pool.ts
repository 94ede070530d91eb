// What does the way through the pool cost, and what do batches save?

import assert from 'node:assert/strict';
import type { HotPathKind, PreparedKey } from '../src/hotpath/index.js';
import { loadOperation } from '../src/hotpath/operation.js';
import { createPooledHotPath } from '../src/hotpath/pool.js';
import { ask, asyncRate, type Case, latency, rate } from './harness.js';
import { proveKeyAndCsr, requireAddon, SPIFFE_ID, valuesOf } from './material.js';

requireAddon();

const REQUEST = { spiffeId: SPIFFE_ID, keyType: 'ec-p256' } as const;

/** So many that are due together: one, as in a sidecar; and what a node's pods bring. */
const AT_ONCE = [1, 10, 100, 1000];

/** Calls whose time is taken, in a round. */
const LONE_CALLS = 200;

/** There are as many as were asked for, and the last one is right. */
async function proveLast(all: readonly PreparedKey[], size: number): Promise<void> {
  assert.equal(all.length, size);
  for (const prepared of all.slice(-1)) await proveKeyAndCsr(prepared);
}

async function casesOf(kind: HotPathKind): Promise<{ cases: Case[]; close(): Promise<void> }> {
  const operate = await loadOperation(kind, 'prepare');
  const pool = createPooledHotPath({
    kind,
    threads: { min: 1, max: 1 },
    idleTimeoutMs: 1000,
    maxQueue: 1000,
    taskTimeoutMs: 60_000,
  });
  const together = (size: number) => Promise.all(Array.from({ length: size }, () => pool.prepare(REQUEST)));
  const group = `prepare, ${kind}`;
  const cases = AT_ONCE.flatMap((size) => {
    const items = Array.from({ length: size }, () => REQUEST);
    return [
      rate({
        group,
        name: `${size} by a call`,
        itemsPerCall: size,
        run: () => operate(items),
        check: (outcomes) => proveLast(valuesOf(outcomes), size),
      }),
      asyncRate({
        group,
        name: `${size} through the pool`,
        itemsPerCall: size,
        run: () => together(size),
        check: (all) => proveLast(all, size),
      }),
    ];
  });
  const lone = { group: `one prepare, ${kind}`, repeat: LONE_CALLS };
  cases.push(
    latency({
      ...lone,
      name: 'by a call',
      run: () => operate([REQUEST]),
      check: (outcomes) => void valuesOf(outcomes),
    }),
    latency({ ...lone, name: 'through the pool', run: () => pool.prepare(REQUEST), check: proveKeyAndCsr }),
  );
  return { cases, close: () => pool.close() };
}

const native = await casesOf('native');
const js = await casesOf('js');

try {
  await ask({
    name: 'pool',
    question: 'What does the way through the pool cost, and what do batches save?',
    note: 'P-256 keys with CSR. "by a call": in the thread that asks, all in one call. "through the pool": one thread of the pool, each as a request of its own, all at once; the pool makes batches of up to 32 of what waits.',
    workers: 1,
    cases: [...native.cases, ...js.cases],
    ratios: ['native', 'js'].flatMap((kind) =>
      AT_ONCE.map((size) => ({ group: `prepare, ${kind}`, of: `${size} through the pool`, to: `${size} by a call` })),
    ),
  });
} finally {
  await Promise.all([native.close(), js.close()]);
}
