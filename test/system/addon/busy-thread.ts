import { parentPort } from 'node:worker_threads';
import { loadAddon } from '../../../src/system/addon/index.js';

/** A thread that is in the addon nearly all the time, often in need of memory from V8, from its first message on. */
const load = loadAddon();
if (load.kind === 'absent') throw new Error(load.reason);
const items = Array.from({ length: 40 }, (_, i) => [i % 2, 'spiffe://td/busy'] as const);
parentPort?.postMessage('busy');
for (;;) load.addon.prepareBatch(items);
