// How late is the event loop while keys are made on it, and how late while the pool makes them?

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { HotPathKind } from '../src/hotpath/index.js';
import { loadOperation } from '../src/hotpath/operation.js';
import { createPooledHotPath } from '../src/hotpath/pool.js';
import type { KeyType } from '../src/pki/x509/index.js';
import { delaysDuring } from './harness/loop-delay.js';
import { ask, type Case, distribution } from './harness.js';
import { only, proveKeyAndCsr, requireAddon, SPIFFE_ID } from './material.js';

requireAddon();

/** What a node agent makes when its pods are due together, in one call as the pool would; RSA in single calls. */
const SHAPES = [
  { keyType: 'ec-p256', count: 2048, perCall: 32 },
  { keyType: 'rsa-2048', count: 6, perCall: 1 },
] as const;

type Prepare = (keyType: KeyType, count: number) => Promise<void>;

async function onTheLoop(kind: HotPathKind): Promise<Prepare> {
  const operate = await loadOperation(kind, 'prepare');
  await proveKeyAndCsr(only(operate([{ spiffeId: SPIFFE_ID, keyType: 'ec-p256' }])));
  return async (keyType, count) => {
    const perCall = Math.min(count, SHAPES.find((shape) => shape.keyType === keyType)?.perCall ?? 1);
    const items = Array.from({ length: perCall }, () => ({ spiffeId: SPIFFE_ID, keyType }));
    for (let made = 0; made < count; made += perCall) {
      operate(items);
      await nextTurn();
    }
  };
}

function inThePool(kind: HotPathKind): { prepare: Prepare; close(): Promise<void> } {
  const pool = createPooledHotPath({
    kind,
    threads: { min: 1, max: 1 },
    idleTimeoutMs: 1000,
    maxQueue: 4096,
    taskTimeoutMs: 60_000,
  });
  return {
    prepare: async (keyType, count) => {
      const request = { spiffeId: SPIFFE_ID, keyType };
      const [first] = await Promise.all(Array.from({ length: count }, () => pool.prepare(request)));
      if (first !== undefined && count === 1) await proveKeyAndCsr(first);
    },
    close: () => pool.close(),
  };
}

function casesOf(name: string, prepare: Prepare): Case[] {
  return SHAPES.map(({ keyType, count }) =>
    distribution({
      group: `${count} keys, ${keyType}`,
      name,
      unit: 'ms',
      repeat: count,
      measure: (repeat) => delaysDuring(() => prepare(keyType, repeat)),
    }),
  );
}

const pools = { native: inThePool('native'), js: inThePool('js') };
try {
  await ask({
    name: 'event-loop-delay',
    question: 'How late is the event loop while keys are made on it, and how late while the pool makes them?',
    note: 'Keys with CSR, all due at once. "on the loop": 32 P-256 keys or one RSA key in a turn of the event loop. "in the pool": one thread. On a machine with few cores the thread itself takes time from the loop.',
    workers: 1,
    cases: [
      ...casesOf('native, on the loop', await onTheLoop('native')),
      ...casesOf('native, in the pool', pools.native.prepare),
      ...casesOf('js, on the loop', await onTheLoop('js')),
      ...casesOf('js, in the pool', pools.js.prepare),
    ],
  });
} finally {
  await Promise.all([pools.native.close(), pools.js.close()]);
}
