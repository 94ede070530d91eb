import { parentPort, workerData } from 'node:worker_threads';
import type { InventoryThreadOptions } from './inventory-keeper.js';
import { openInventory } from './open-store.js';
import { TrailReader } from './trail-reader.js';

// The thread of InventoryKeeper: SQLite holds up its caller for as long as the disk takes.
const { place, ...options } = workerData as InventoryThreadOptions;
const reader = new TrailReader({
  ...options,
  open: () => openInventory(place),
  now: Date.now,
  report: (state) => parentPort?.postMessage(state),
});
parentPort?.once('message', () => reader.end());
await reader.run();
parentPort?.close();
