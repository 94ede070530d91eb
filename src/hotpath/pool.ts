import { Piscina } from 'piscina';
import { IdentityError } from '../errors/index.js';
import { Field, type Logger, silentLogger } from '../telemetry/index.js';
import { BatchQueue, type Job } from './batch-queue.js';
import type {
  HotPath,
  IssuedLeaf,
  IssueRequest,
  PreparedKey,
  PrepareRequest,
  SealedSvid,
  SealRequest,
} from './hot-path.js';
import type { HotPathKind, Operation, Operations, Outcome } from './implementation.js';
import { readItem, revive, toMessage } from './worker-protocol.js';

export interface PooledHotPathOptions {
  /** Who works in the threads; `js` when left out. See {@link chooseHotPath}. */
  readonly kind?: HotPathKind;
  /** With `min` 0 the pool starts empty, and shrinks to nothing when idle: a resident thread costs about 10 MB. */
  readonly threads: { readonly min: number; readonly max: number };
  /** How long a thread above `min` may be idle before it ends. */
  readonly idleTimeoutMs: number;
  /** How many requests may wait for a thread; one more is refused at once. */
  readonly maxQueue: number;
  /** How long one request may take, from call to answer, its wait included. */
  readonly taskTimeoutMs: number;
  readonly logger?: Logger;
  /** The module that the threads run, which must answer as `worker.ts` does. Tests put a faulty one here. */
  readonly workerUrl?: URL;
}

/**
 * The hot path in a pool of threads. A lone request goes to its thread at once; what comes while all threads are busy
 * waits, and travels in batches. The caller closes it. Options are checked by `config/`.
 */
export function createPooledHotPath(options: PooledHotPathOptions): HotPath {
  return new PooledHotPath(options);
}

/**
 * What waits behind a job that is late has often come together with it, and is late itself within the next milliseconds.
 * Given a new thread before that, it would take the thread along while that still starts.
 */
const COMPANIONS_MS = 10;

/** Jobs that travel together. Aborting ends their thread, or takes the batch back if its thread is still starting. */
interface Batch {
  readonly jobs: readonly Job[];
  readonly abort: AbortController;
}

/**
 * Piscina's own errors have neither class nor code, and nothing here looks at their text: whatever we bring about
 * ourselves (deadline, close) is settled before Piscina hears of it, so what it still rejects with is a dead thread.
 */
class PooledHotPath implements HotPath {
  private readonly piscina: Piscina<unknown, unknown>;
  private readonly queue = new BatchQueue();
  private readonly running = new Set<Batch>();
  /** Threads that were told to end, and have not yet: OpenSSL cannot be interrupted while it looks for primes. */
  private readonly ending = new Set<Promise<unknown>>();
  private readonly logger: Logger;
  private closing: Promise<void> | undefined;

  constructor(private readonly options: PooledHotPathOptions) {
    this.logger = options.logger ?? silentLogger;
    this.piscina = new Piscina({
      // Beside this file in build/, and beside the bundle in dist/.
      filename: (options.workerUrl ?? new URL('./worker.js', import.meta.url)).href,
      minThreads: options.threads.min,
      maxThreads: options.threads.max,
      idleTimeout: options.idleTimeoutMs,
      // Our queue is what bounds the waiting; Piscina's holds only batches whose thread is still starting.
      maxQueue: options.threads.max,
      recordTiming: false,
      workerData: options.kind ?? 'js',
    });
    this.piscina.on('error', (error: Error) => this.onIdleThreadFailed(error));
  }

  async prepare(request: PrepareRequest): Promise<PreparedKey> {
    return this.submit('prepare', readItem.prepare(request));
  }

  async seal(request: SealRequest): Promise<SealedSvid> {
    return this.submit('seal', readItem.seal(request));
  }

  async issue(request: IssueRequest): Promise<IssuedLeaf> {
    return this.submit('issue', readItem.issue({ ...request, signer: request?.signer?.material }));
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    const jobs = [...[...this.running].flatMap((batch) => batch.jobs), ...this.queue.clear()];
    this.running.clear();
    for (const job of jobs) job.reject(closedError());
    await this.piscina.destroy();
    await Promise.allSettled(this.ending);
  }

  private submit<O extends Operation>(op: O, item: Operations[O]['item']): Promise<Operations[O]['value']> {
    if (this.closing !== undefined) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => this.onDeadline(job), this.options.taskTimeoutMs);
      const job: Job<O> = {
        op,
        item,
        resolve: (value) => {
          clearTimeout(deadline);
          resolve(value);
        },
        reject: (error) => {
          clearTimeout(deadline);
          reject(error);
        },
      };
      this.enqueue(job);
    });
  }

  /** While a thread is free the queue is empty, so a job then goes to it at once. */
  private enqueue(job: Job): void {
    const { maxQueue, threads } = this.options;
    if (this.running.size >= threads.max && this.queue.length >= maxQueue) {
      job.reject(overloadedError(maxQueue));
    } else {
      this.queue.push(job);
      this.dispatch();
    }
  }

  /** Hands out batches while there is both a job and a thread for it. */
  private dispatch(): void {
    const { max } = this.options.threads;
    while (this.running.size < max && this.queue.length > 0) this.start(this.queue.take(max - this.running.size));
  }

  private start(jobs: readonly Job[]): void {
    const batch: Batch = { jobs, abort: new AbortController() };
    this.running.add(batch);
    const { message, transferList } = toMessage(jobs);
    this.piscina.run(message, { transferList, signal: batch.abort.signal }).then(
      (outcomes) => this.onDone(batch, outcomes),
      (error) => this.onThreadFailed(batch, error),
    );
  }

  private onDone(batch: Batch, outcomes: unknown): void {
    if (!this.running.delete(batch)) return;
    // Our own thread answers: one outcome for each job, in order.
    for (const [index, outcome] of (outcomes as Outcome<object>[]).entries()) settle(batch.jobs[index], outcome);
    this.dispatch();
  }

  private onThreadFailed(batch: Batch, error: unknown): void {
    if (!this.running.delete(batch)) return;
    this.logger.error('hot path thread failed', { [Field.error]: String(error), [Field.code]: 'ERR_HOTPATH_FAILED' });
    for (const job of batch.jobs) job.reject(failedError(error));
    this.dispatch();
  }

  /** A thread that fails without a job. If it was the last, batches that waited for it to start would wait for ever. */
  private onIdleThreadFailed(error: Error): void {
    this.logger.error('hot path thread failed', { [Field.error]: String(error), [Field.code]: 'ERR_HOTPATH_FAILED' });
    if (this.piscina.threads.length > 0) return;
    for (const batch of this.running) {
      this.running.delete(batch);
      batch.abort.abort();
      for (const job of batch.jobs) job.reject(failedError(error));
    }
    this.dispatch();
  }

  /** A job that waits is just dropped. One that runs takes its thread with it, and so the rest of its batch. */
  private onDeadline(late: Job): void {
    const error = deadlineError(late.op, this.options.taskTimeoutMs);
    late.reject(error);
    if (this.queue.remove(late)) return;
    const batch = [...this.running].find(({ jobs }) => jobs.includes(late));
    if (batch === undefined) return;
    this.logger.error('hot path thread hangs, replacing it', { [Field.code]: error.code });
    this.running.delete(batch);
    for (const job of batch.jobs) job.reject(error);
    this.endThreadOf(batch);
    setTimeout(() => this.dispatch(), COMPANIONS_MS);
  }

  private endThreadOf(batch: Batch): void {
    const before = this.piscina.threads;
    batch.abort.abort();
    const left = this.piscina.threads;
    for (const thread of before.filter((one) => !left.includes(one))) {
      const ended: Promise<unknown> = thread.terminate().finally(() => this.ending.delete(ended));
      this.ending.add(ended);
    }
  }
}

function settle(job: Job | undefined, outcome: Outcome<object>): void {
  if (outcome.ok) job?.resolve(revive(outcome.value) as Operations[Operation]['value']);
  else job?.reject(new IdentityError(outcome.code, outcome.message));
}

function closedError(): IdentityError {
  return new IdentityError('ERR_HOTPATH_CLOSED', 'hot path is closed');
}

function overloadedError(maxQueue: number): IdentityError {
  return new IdentityError('ERR_HOTPATH_OVERLOADED', `hot path queue: got ${maxQueue} waiting, expected fewer`);
}

function deadlineError(op: Operation, timeoutMs: number): IdentityError {
  return new IdentityError('ERR_HOTPATH_DEADLINE', `${op}: got no answer in ${timeoutMs} ms`);
}

function failedError(cause: unknown): IdentityError {
  return new IdentityError('ERR_HOTPATH_FAILED', 'hot path thread ended before it answered', { cause });
}
