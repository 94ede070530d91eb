import type { Cancellable, CancelSignal } from '../cancellation/index.js';
import { IdentityError } from '../errors/index.js';
import { Field, type Logger, MetricRegistry, silentLogger } from '../telemetry/index.js';
import { Deadlines } from '../timers/index.js';
import { BatchBound } from './batch-bound.js';
import { BatchQueue, laneOf } from './batch-queue.js';
import { ChunkedQueue } from './chunked-queue.js';
import type {
  CallOptions,
  HotPath,
  IssuedLeaf,
  IssueRequest,
  PreparedKey,
  PrepareRequest,
  SealedSvid,
  SealRequest,
} from './hot-path.js';
import type { HotPathKind, Operation, Operations, Outcome } from './implementation.js';
import type { Job } from './job.js';
import { leafPemOf } from './leaf-pem.js';
import { LoneIssue } from './lone-issue.js';
import { PoolMetrics, type QueueName } from './pool-metrics.js';
import type { RemoteSigning } from './signer.js';
import { type BatchAnswer, type RunningBatch, Threads } from './threads.js';
import { readItem, revive, wipeSecrets } from './worker-protocol.js';

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
  /**
   * The same for requests that come before any thread has answered: threads that all start at once, on a slow machine,
   * take longer than any work. {@link taskTimeoutMs} if left out.
   */
  readonly startTimeoutMs?: number;
  readonly logger?: Logger;
  /** Where its length, waits and losses are counted. */
  readonly metrics?: MetricRegistry;
  /** The module that the threads run, which must answer as `worker.ts` does. Tests put a faulty one here. */
  readonly workerUrl?: URL;
}

/**
 * The hot path in a pool of threads. What is asked for in one turn of the event loop goes out at its end, a lone
 * request alone, many as one batch for each thread; what comes while all threads are busy waits, and travels in
 * batches. The caller closes it. Options are checked by `config/`.
 */
export function createPooledHotPath(options: PooledHotPathOptions): HotPath {
  const needed = new PooledHotPath(options, NEEDED);
  let ahead: HotPath | undefined;
  let isClosed = false;
  return {
    prepare(request, call) {
      if (call?.isAhead !== true || isClosed) return needed.prepare(request, call);
      ahead ??= new PooledHotPath({ ...options, ...AHEAD_POOL }, AHEAD);
      return ahead.prepare(request, call);
    },
    seal: (request, call) => needed.seal(request, call),
    issue: (request, call) => needed.issue(request, call),
    async close() {
      isClosed = true;
      await Promise.all([needed.close(), ahead?.close()]);
    },
  };
}

/**
 * Keys for later have a thread of their own while there are any to make: a key under way cannot be interrupted, so in a
 * thread of the others' a caller would wait for it. There is one for each identity at most; thousands of them may be in
 * line for minutes, and who needs one meanwhile asks again, for now.
 */
const AHEAD_POOL = { threads: { min: 0, max: 1 }, idleTimeoutMs: 1000, maxQueue: 10_000, taskTimeoutMs: 3_600_000 };

/** How a pool stands to the rest of the machine. */
interface Standing {
  readonly queue: QueueName;
  readonly niceness: number;
}

const NEEDED: Standing = { queue: 'needed', niceness: 0 };

/** Gets about a tenth of a core that is wanted by others, too. (sched(7), "The nice value") */
const AHEAD: Standing = { queue: 'ahead', niceness: 10 };

/**
 * What waits behind a job that is late has often come together with it, and is late itself within the next
 * milliseconds. Given a new thread before that, it would take the thread along while that still starts.
 */
const COMPANIONS_MS = 10;

/**
 * Answers in one turn of the event loop: what becomes of them there takes longer than the work took in its thread, a
 * pod's first certificate up to a quarter of a millisecond. What they bring about travels together, to the CA and to
 * the threads: with 8 a crowd of pods takes 5 % more time, with 4 another 12 %.
 */
const SETTLED_PER_TURN = 16;

/** A job as it waits and runs. */
interface PooledJob extends Job, Cancellable {
  readonly cameAtMs: number;
  readonly deadlines: Deadlines<PooledJob>;
  readonly signal: CancelSignal | undefined;
}

interface Answered {
  readonly job: PooledJob;
  readonly outcome: Outcome<object>;
}

class PooledHotPath implements HotPath {
  private readonly bound = new BatchBound();
  private readonly lone: LoneIssue;
  private readonly queue = new BatchQueue<PooledJob>((lane) => this.bound.of(lane));
  private readonly running = new Set<RunningBatch<PooledJob>>();
  /** Hold every job that has no answer yet: until a thread has answered, and from then on. */
  private readonly startDeadlines: Deadlines<PooledJob>;
  private readonly deadlines: Deadlines<PooledJob>;
  private hasAnswered = false;
  private readonly answered = new ChunkedQueue<Answered>(SETTLED_PER_TURN, (one) => this.settle(one));
  private readonly threads: Threads;
  private readonly logger: Logger;
  private readonly metrics: PoolMetrics;
  private isHandingOut = false;
  private closing: Promise<void> | undefined;

  constructor(
    private readonly options: PooledHotPathOptions,
    { queue, niceness }: Standing,
  ) {
    this.logger = options.logger ?? silentLogger;
    this.metrics = new PoolMetrics(options.metrics ?? new MetricRegistry(), queue);
    this.lone = new LoneIssue(options.kind ?? 'js', this.bound);
    const { taskTimeoutMs, startTimeoutMs = taskTimeoutMs } = options;
    this.deadlines = new Deadlines(taskTimeoutMs, (late) => this.onLate(late, taskTimeoutMs));
    this.startDeadlines = new Deadlines(startTimeoutMs, (late) => this.onLate(late, startTimeoutMs));
    this.threads = new Threads({
      kind: options.kind ?? 'js',
      niceness,
      ...options.threads,
      idleTimeoutMs: options.idleTimeoutMs,
      // Beside this file in build/, and beside the bundle in dist/.
      workerUrl: options.workerUrl ?? new URL('./worker.js', import.meta.url),
      onIdleFailure: (error, isLast) => this.onIdleThreadFailed(error, isLast),
    });
  }

  async prepare(request: PrepareRequest, options?: CallOptions): Promise<PreparedKey> {
    return this.submit('prepare', readItem.prepare(request), options);
  }

  async seal(request: SealRequest, options?: CallOptions): Promise<SealedSvid> {
    return this.submit('seal', readItem.seal(request), options);
  }

  async issue(request: IssueRequest, options?: CallOptions): Promise<IssuedLeaf> {
    const item = { ...request, signer: request?.signer?.material };
    const remote = request?.signer?.remote;
    if (remote !== undefined) return this.issueBy(remote, readItem.draft(item), options);
    const wanted = readItem.issue(item);
    const lone = this.tryAlone(wanted, options);
    if (lone === undefined) return this.submit('issue', wanted, options);
    if (lone.ok) return lone.value;
    throw new IdentityError(lone.code, lone.message);
  }

  /** On the event loop, where it has nothing else to do; `undefined` where a thread is to do it. */
  private tryAlone(item: Operations['issue']['item'], options?: CallOptions): Outcome<IssuedLeaf> | undefined {
    if (options?.isAlone !== true || options.signal?.isCancelled || this.closing !== undefined) return undefined;
    if (this.running.size > 0 || this.queue.length > 0) return undefined;
    const done = this.lone.tryIssue(item);
    if (done === undefined) return undefined;
    const { batchSize, waitSeconds, runSeconds } = this.metrics.of('issue');
    batchSize.observe(1);
    waitSeconds.observe(0);
    runSeconds.observe(done.runMs / 1000);
    return done.outcome;
  }

  /** The CSR is checked and the leaf written in a thread; the key signs it wherever that is. */
  private async issueBy(
    remote: RemoteSigning,
    item: Operations['draft']['item'],
    options?: CallOptions,
  ): Promise<IssuedLeaf> {
    const { toBeSigned, serial, requestedUri } = await this.submit('draft', item, options);
    // Meanwhile the caller may have gone: a token is slow, and others wait for it.
    if (options?.signal?.isCancelled) throw this.cancelled('issue');
    const signature = await remote.sign(toBeSigned);
    return { leafPem: leafPemOf(toBeSigned, remote.algorithm, signature), serial, requestedUri };
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    const jobs = [...[...this.running].flatMap((batch) => batch.jobs), ...this.queue.clear()];
    this.running.clear();
    this.metrics.queueLength.set(0);
    for (const job of jobs) this.fail(job, closedError());
    await this.threads.close();
  }

  private submit<O extends Operation>(
    op: O,
    item: Operations[O]['item'],
    { signal, isFirst }: CallOptions = {},
  ): Promise<Operations[O]['value']> {
    if (this.closing !== undefined) return Promise.reject(closedError());
    if (signal?.isCancelled) return Promise.reject(this.cancelled(op));
    if (this.isFull()) return Promise.reject(this.overloaded());
    return new Promise((resolve, reject) => {
      const deadlines = this.hasAnswered ? this.deadlines : this.startDeadlines;
      const job: PooledJob & Job<O> = {
        ...{ op, item, isFirst, resolve, reject, cameAtMs: performance.now(), signal, deadlines },
        cancel: () => this.cancel(job),
      };
      signal?.add(job);
      deadlines.add(job);
      this.queue.push(job);
      this.metrics.queueLength.set(this.queue.length);
      this.handOutSoon();
    });
  }

  /**
   * What came in this turn of the event loop may still wait for its end, and is not held against those who wait longer.
   */
  private isFull(): boolean {
    const freeThreads = this.options.threads.max - this.running.size;
    return this.queue.length >= this.options.maxQueue + freeThreads;
  }

  /** At the end of this turn: an answer could not be heard before either, and what is due together travels together. */
  private handOutSoon(): void {
    if (this.isHandingOut || this.running.size >= this.options.threads.max) return;
    this.isHandingOut = true;
    setImmediate(() => {
      this.isHandingOut = false;
      this.handOut();
    });
  }

  /** Hands out batches while there is both a job and a thread for it. */
  private handOut(): void {
    const { max } = this.options.threads;
    while (this.running.size < max && this.queue.length > 0) this.start(this.queue.take(max - this.running.size));
    this.metrics.queueLength.set(this.queue.length);
  }

  private start(jobs: readonly PooledJob[]): void {
    const [first] = jobs;
    if (first === undefined) return;
    const batch = { op: first.op, jobs, abort: new AbortController() };
    const { batchSize, waitSeconds } = this.metrics.of(first.op);
    const nowMs = performance.now();
    batchSize.observe(jobs.length);
    for (const job of jobs) waitSeconds.observe((nowMs - job.cameAtMs) / 1000);
    this.running.add(batch);
    this.threads.run(batch).then(
      (answer) => this.onDone(batch, answer),
      (error) => this.onThreadFailed(batch, error),
    );
  }

  private onDone(batch: RunningBatch<PooledJob>, { outcomes, runMs }: BatchAnswer): void {
    this.hasAnswered = true;
    const { op, jobs } = batch;
    if (!this.running.delete(batch)) {
      for (const outcome of outcomes) discard(op, outcome);
      return;
    }
    this.metrics.of(op).runSeconds.observe(runMs / 1000);
    const [first] = jobs;
    if (first !== undefined) this.bound.learn(laneOf(first), jobs.length, runMs);
    // The thread has work again before its answers are looked at.
    this.handOut();
    const answered: Answered[] = [];
    for (let index = 0; index < outcomes.length; index += 1) {
      const [job, outcome] = [jobs[index], outcomes[index]];
      if (job !== undefined && outcome !== undefined) answered.push({ job, outcome });
    }
    this.answered.add(answered);
  }

  private settle({ job, outcome }: Answered): void {
    if (!this.finish(job)) {
      // It was late in the line of answers: its caller has been told so.
      discard(job.op, outcome);
      return;
    }
    // Our own thread has answered, as the operation says.
    if (outcome.ok) job.resolve(revive(job.op, outcome.value as Operations[Operation]['value']));
    else job.reject(new IdentityError(outcome.code, outcome.message));
  }

  private fail(job: PooledJob, error: IdentityError): void {
    this.finish(job);
    job.reject(error);
  }

  /** False when it was too late for that. */
  private finish(job: PooledJob): boolean {
    job.signal?.delete(job);
    return job.deadlines.delete(job);
  }

  private failBatch(batch: RunningBatch<PooledJob>, error: IdentityError): void {
    this.running.delete(batch);
    for (const job of batch.jobs) this.fail(job, error);
  }

  private onThreadFailed(batch: RunningBatch<PooledJob>, error: unknown): void {
    if (!this.running.has(batch)) return;
    this.reportFailedThread(error);
    this.failBatch(batch, failedError(error));
    this.handOut();
  }

  /** If it was the last thread, batches that waited for it to start would wait for ever. */
  private onIdleThreadFailed(error: Error, isLast: boolean): void {
    this.reportFailedThread(error);
    if (!isLast) return;
    for (const batch of this.running) {
      batch.abort.abort();
      this.failBatch(batch, failedError(error));
    }
    this.handOut();
  }

  private reportFailedThread(error: unknown): void {
    this.metrics.threadsFailed.add();
    this.logger.error('hot path thread failed', { [Field.error]: String(error), [Field.code]: 'ERR_HOTPATH_FAILED' });
  }

  /** A job that waits is just dropped. One that runs takes its thread with it, and so the rest of its batch. */
  private onLate(late: readonly PooledJob[], timeoutMs: number): void {
    for (const job of late) {
      this.queue.remove(job);
      this.fail(job, deadlineError(job.op, timeoutMs));
    }
    this.metrics.queueLength.set(this.queue.length);
    const isLate = new Set(late);
    const hung = [...this.running].filter(({ jobs }) => jobs.some((job) => isLate.has(job)));
    for (const batch of hung) {
      const error = deadlineError(batch.op, timeoutMs);
      this.metrics.threadsHung.add();
      this.logger.error('hot path thread hangs, replacing it', { [Field.code]: error.code });
      this.failBatch(batch, error);
      this.threads.endThreadOf(batch);
    }
    if (hung.length > 0) setTimeout(() => this.handOut(), COMPANIONS_MS);
  }

  private cancel(job: PooledJob): void {
    if (!this.queue.remove(job)) return;
    this.metrics.queueLength.set(this.queue.length);
    this.fail(job, this.cancelled(job.op));
  }

  private cancelled(op: Operation): IdentityError {
    this.metrics.cancelled.add();
    return new IdentityError('ERR_CANCELLED', `${op}: cancelled by the caller`);
  }

  private overloaded(): IdentityError {
    this.metrics.refused.add();
    const { maxQueue } = this.options;
    return new IdentityError('ERR_HOTPATH_OVERLOADED', `hot path queue: got ${maxQueue} waiting, expected fewer`);
  }
}

/** The keys of an answer without a receiver are wiped here. */
function discard(op: Operation, outcome: Outcome<object>): void {
  // Our own thread has answered, as the operation says.
  if (outcome.ok) wipeSecrets(op, outcome.value as Operations[Operation]['value']);
}

function closedError(): IdentityError {
  return new IdentityError('ERR_HOTPATH_CLOSED', 'hot path is closed');
}

function deadlineError(op: Operation, timeoutMs: number): IdentityError {
  return new IdentityError('ERR_HOTPATH_DEADLINE', `${op}: got no answer in ${timeoutMs} ms`);
}

function failedError(cause: unknown): IdentityError {
  return new IdentityError('ERR_HOTPATH_FAILED', 'hot path thread ended before it answered', { cause });
}
