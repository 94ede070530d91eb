/** Reads an output directory as fast as it can until it is told to stop, and says what it has seen. */
import { parentPort, workerData } from 'node:worker_threads';
import { mismatchOf, readAtOnce } from './output-sets.js';

const { directory, progress } = workerData as { directory: string; progress?: Int32Array };
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
    // For a writer that goes on until enough was seen.
    if (progress !== undefined) progress.set([reads, roots.size]);
    const mismatch = mismatchOf(set);
    if (mismatch !== undefined) mismatches.push(mismatch);
  }
  if (isStopped) parentPort?.postMessage({ reads, sets: roots.size, mismatches });
  else setImmediate(read);
}
parentPort?.postMessage('reading');
read();
if (isStopped) parentPort?.close();
