import { Piscina } from 'piscina';
import type { HotPathKind, Operation, Outcome } from './implementation.js';
import type { Job } from './job.js';
import { type ThreadSettings, toMessage } from './worker-protocol.js';

export interface ThreadsOptions {
  readonly kind: HotPathKind;
  /** Above 0, others have the cores first. (setpriority(2)) */
  readonly niceness: number;
  readonly min: number;
  readonly max: number;
  readonly idleTimeoutMs: number;
  /** The module that the threads run, which must answer as `worker.ts` does. */
  readonly workerUrl: URL;
  /** A thread failed without a batch. `isLast`: batches that waited for it to start would wait for ever. */
  readonly onIdleFailure: (error: Error, isLast: boolean) => void;
}

/**
 * Jobs of one operation that travel together. Aborting ends their thread, or takes them back if it is still starting.
 */
export interface RunningBatch<J extends Job = Job> {
  readonly op: Operation;
  readonly jobs: readonly J[];
  readonly abort: AbortController;
}

/** What a thread has done with a batch. */
export interface BatchAnswer {
  /** One for each job, in order. */
  readonly outcomes: readonly Outcome<object>[];
  /** How long it worked, loading of modules left out. */
  readonly runMs: number;
}

/**
 * The threads themselves, by Piscina. Its own errors have neither class nor code, and nothing here looks at their text:
 * what {@link run} rejects with is a dead thread, or a batch that was given up here.
 */
export class Threads {
  private readonly piscina: Piscina<unknown, unknown>;
  /** Threads that were told to end, and have not yet: OpenSSL cannot be interrupted while it looks for primes. */
  private readonly ending = new Set<Promise<unknown>>();

  constructor(options: ThreadsOptions) {
    this.piscina = new Piscina({
      filename: options.workerUrl.href,
      minThreads: options.min,
      maxThreads: options.max,
      idleTimeout: options.idleTimeoutMs,
      // The caller gives no more than one batch for each thread: only those whose thread is still starting wait here.
      maxQueue: options.max,
      recordTiming: false,
      workerData: { kind: options.kind, niceness: options.niceness } satisfies ThreadSettings,
    });
    this.piscina.on('error', (error: Error) => options.onIdleFailure(error, this.piscina.threads.length === 0));
  }

  async run(batch: RunningBatch): Promise<BatchAnswer> {
    const { message, transferList } = toMessage(batch);
    // Our own thread answers, with this type.
    return (await this.piscina.run(message, { transferList, signal: batch.abort.signal })) as BatchAnswer;
  }

  /** Ends the thread that works on `batch`; another one starts when it is needed. */
  endThreadOf(batch: RunningBatch): void {
    const before = this.piscina.threads;
    batch.abort.abort();
    const left = this.piscina.threads;
    for (const thread of before.filter((one) => !left.includes(one))) {
      const ended: Promise<unknown> = thread.terminate().finally(() => this.ending.delete(ended));
      this.ending.add(ended);
    }
  }

  async close(): Promise<void> {
    await this.piscina.destroy();
    await Promise.allSettled(this.ending);
  }
}
