import runBatch from '../../src/hotpath/worker.js';
import type { BatchMessage } from '../../src/hotpath/worker-protocol.js';

/** The real worker, but for SPIFFE IDs whose path says which fault the thread is to have. */
export default async function runFaultyBatch(batch: BatchMessage): Promise<unknown> {
  const text = JSON.stringify(batch.items.map((item) => ('spiffeId' in item ? item.spiffeId : '')));
  if (text.includes('/hang')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  if (text.includes('/die')) process.exit(3);
  if (text.includes('/throw')) throw new Error('a fault');
  return runBatch(batch);
}
