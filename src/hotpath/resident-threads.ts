import { availableParallelism } from 'node:os';

/** How many threads are worth keeping: the event loop needs a core of its own, keys and signatures take the others. */
export function residentThreads(cores = availableParallelism()): number {
  return Math.max(1, cores - 1);
}
