import type { IdentityError } from '../errors/index.js';
import type { Operation, Operations } from './implementation.js';

/** One request that waits, or that a thread works on. */
export interface Job<O extends Operation = Operation> {
  readonly op: O;
  readonly item: Operations[O]['item'];
  resolve(value: Operations[O]['value']): void;
  reject(error: IdentityError): void;
}

/**
 * So many P-256 operations take about as long as ten hops between threads: beyond, a batch saves nothing more, and it
 * makes the first of its items wait for the last.
 */
const MAX_BATCH = 32;

/** The jobs that wait for a thread, in the order in which they came. Pure: no timer, no thread. */
export class BatchQueue {
  private jobs: Job[] = [];

  get length(): number {
    return this.jobs.length;
  }

  push(job: Job): void {
    this.jobs.push(job);
  }

  /** True when the job was still waiting. */
  remove(job: Job): boolean {
    const at = this.jobs.indexOf(job);
    if (at >= 0) this.jobs.splice(at, 1);
    return at >= 0;
  }

  /**
   * Takes the next batch for one of `freeThreads`: jobs of one operation from the front on, but no more than this
   * thread's share. RSA keys go one by one: at 100 ms and more each, a batch of them only makes them wait.
   */
  take(freeThreads: number): Job[] {
    const [first] = this.jobs;
    if (first === undefined) return [];
    const share = isSlow(first) ? 1 : Math.min(MAX_BATCH, Math.ceil(this.jobs.length / freeThreads));
    const end = this.jobs.findIndex((job, at) => at >= share || job.op !== first.op || (at > 0 && isSlow(job)));
    return this.jobs.splice(0, end < 0 ? this.jobs.length : end);
  }

  /** Takes all of them. */
  clear(): Job[] {
    return this.jobs.splice(0);
  }
}

function isSlow({ op, item }: Job): boolean {
  return op === 'prepare' && 'keyType' in item && item.keyType.startsWith('rsa-');
}
