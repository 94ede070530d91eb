import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// Test files are started without --expose-gc; a context that is made behind this flag has the function all the same.
setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** MB on the heap and beside it, in buffers, that are in use: garbage is collected first. */
export function usedMemoryMb(): number {
  // What is freed by the first collection may let go of more.
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}
