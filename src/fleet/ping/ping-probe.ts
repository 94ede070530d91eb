import { Worker } from 'node:worker_threads';
import type { PingOptions, PingSample, PingSamples } from './ping-protocol.js';

/** An hour of them; of a longer run the youngest are kept, so that it can go on for days. */
const MAX_SAMPLES = 1_000_000;

/**
 * Measures the round trip of HTTP/2 PINGs on quiet connections: how long the server lets others wait while it is busy
 * with thousands of pushes.
 */
export class PingProbe {
  /** In the order of the answers. */
  readonly samples: PingSample[] = [];
  /** Resolves when the thread is at work, so that what comes then is measured from its beginning. */
  readonly ready: Promise<void>;
  private readonly worker: Worker;
  private onReady = (): void => {};

  constructor(options: PingOptions) {
    this.worker = new Worker(new URL('./ping-worker.js', import.meta.url), { workerData: options });
    this.ready = new Promise((resolve) => {
      this.onReady = resolve;
    });
    this.worker.on('message', (batch: PingSamples) => {
      this.onReady();
      for (let at = 0; at + 1 < batch.length; at += 2) {
        this.samples.push({ answeredAtMs: (batch[at] ?? 0) - performance.timeOrigin, roundTripMs: batch[at + 1] ?? 0 });
      }
      if (this.samples.length > MAX_SAMPLES) this.samples.splice(0, MAX_SAMPLES / 2);
    });
  }

  /** Ends the thread and its connections. Safe to call twice. */
  async close(): Promise<void> {
    this.onReady();
    await this.worker.terminate();
  }
}
