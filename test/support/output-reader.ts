/** Reads an output directory as fast as it can until it is told to stop, and says what it has seen. */
import { parentPort, workerData } from 'node:worker_threads';
import { mismatchOf, readAtOnce } from './output-sets.js';

const { directory } = workerData as { directory: string };
const roots = new Set<string>();
const mismatches: string[] = [];
let reads = 0;
let isStopped = false;
parentPort?.on('message', () => {
  isStopped = true;
});

function read(): void {
  const set = readAtOnce(directory);
  if (set !== undefined) {
    reads += 1;
    roots.add(set.root);
    const mismatch = mismatchOf(set);
    if (mismatch !== undefined) mismatches.push(mismatch);
  }
  if (isStopped) parentPort?.postMessage({ reads, sets: roots.size, mismatches });
  else setImmediate(read);
}
parentPort?.postMessage('reading');
read();
if (isStopped) parentPort?.close();
