import { valueSymbol } from 'piscina';
import runBatch from '../../src/hotpath/worker.js';
import type { BatchMessage } from '../../src/hotpath/worker-protocol.js';

/** The real worker, which says of each batch that it took no time: the pool then sends all that waits as one. */
export default async function runInstantBatch(batch: BatchMessage): Promise<unknown> {
  const answer = (await runBatch(batch)) as { [valueSymbol]: { runMs: number } };
  answer[valueSymbol].runMs = 0;
  return answer;
}
