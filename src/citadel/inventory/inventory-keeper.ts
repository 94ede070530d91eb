import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { CancelSource } from '../../cancellation/index.js';
import { messageOf } from '../../errors/index.js';
import { Field, type Logger, Metric, type MetricRegistry, RateLimitedLogger } from '../../telemetry/index.js';
import { sleep } from '../../timers/index.js';
import { type InventoryPlace, placeText } from './open-store.js';
import type { TrailReaderState } from './trail-reader.js';

/** What the thread is started with. */
export interface InventoryThreadOptions {
  readonly place: InventoryPlace;
  /** With the trail of this Citadel. */
  readonly directory: string;
  readonly source: string;
  readonly openedAt: number;
  readonly keepMs: number;
}

export interface InventoryKeeperOptions extends InventoryThreadOptions {
  /** The number of the last record of the trail, as it is. */
  readonly trailEnd: () => number;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/** How an inventory stands, for people and metrics. */
export interface InventoryState {
  /** Without a password. */
  readonly database: string;
  /** Records of the trail that are not in it yet. */
  readonly behind: number;
  /** What it says as long as it is away. */
  readonly failure: string | undefined;
}

/** Of the 5 s that a shutdown may take. */
const CLOSE_MS = 1000;

/** Between the end of a thread that failed and the next one. */
const RESTART_MS = 5000;

/**
 * Keeps an inventory up to date with the trail, from a thread of its own: no certificate waits for it, and what it
 * misses while it is away it reads later.
 */
export class InventoryKeeper {
  private readonly log: RateLimitedLogger;
  private worker: Worker;
  private n = 0;
  private failure: string | undefined;
  private isClosing = false;
  private restart: NodeJS.Timeout | undefined;

  /** Starts at once; what is wrong with the database is logged. */
  constructor(private readonly options: InventoryKeeperOptions) {
    this.log = new RateLimitedLogger(options.logger);
    options.metrics.counter(Metric.inventoryFailures).add(0);
    this.worker = this.start();
  }

  get state(): InventoryState {
    const behind = Math.max(0, this.options.trailEnd() - this.n);
    return { database: placeText(this.options.place), behind, failure: this.failure };
  }

  /** Has what is in the trail read, for a second at most: a thread that waits for a lock ends when it has it. */
  async close(): Promise<void> {
    this.isClosing = true;
    clearTimeout(this.restart);
    const { worker } = this;
    if (worker.threadId === -1) return;
    const isLate = new CancelSource();
    const ended = once(worker, 'exit').then(() => isLate.cancel());
    worker.postMessage('end');
    await Promise.race([ended, sleep(CLOSE_MS, [isLate])]);
    void worker.terminate();
  }

  private start(): Worker {
    const { place, directory, source, openedAt, keepMs } = this.options;
    const workerData: InventoryThreadOptions = { place, directory, source, openedAt, keepMs };
    const worker = new Worker(new URL('./inventory-thread.js', import.meta.url), { workerData });
    worker.on('message', (state: TrailReaderState) => this.heard(state));
    worker.on('error', (error) => this.failed(messageOf(error)));
    worker.once('exit', () => {
      if (!this.isClosing) this.restart = setTimeout(() => (this.worker = this.start()), RESTART_MS).unref();
    });
    worker.unref();
    return worker;
  }

  private heard({ n, failure }: TrailReaderState): void {
    this.n = n;
    this.options.metrics.gauge(Metric.inventoryBehind).set(this.state.behind);
    if (failure !== undefined) this.failed(failure);
    else if (this.failure !== undefined) {
      this.failure = undefined;
      this.log.info('inventory is written again', { [Field.path]: this.state.database });
    }
  }

  private failed(reason: string): void {
    this.failure = reason;
    this.options.metrics.counter(Metric.inventoryFailures).add();
    this.log.warn('inventory cannot be written: it follows when it can, and the trail goes on', {
      [Field.path]: this.state.database,
      [Field.reason]: reason,
    });
  }
}
