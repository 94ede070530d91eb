import { takesLong } from '../pki/x509/index.js';
import type { Operation } from './implementation.js';
import type { Job } from './job.js';

/** RSA keys wait apart from the quick ones, which would else wait for them. */
export const SLOW_LANE = 'prepare-rsa';

/** Those of them that a workload needs to start. */
export const FIRST_SLOW_LANE = 'prepare-rsa-first';

/** Jobs that may travel together. */
export type Lane = Operation | typeof SLOW_LANE | typeof FIRST_SLOW_LANE;

/**
 * The jobs that wait for a thread. Within a lane they keep the order in which they came; the lanes take turns, so a
 * thousand keys that are due do not stand before one proof. Pure: no timer, no thread.
 */
export class BatchQueue<J extends Job = Job> {
  /** Only lanes that are not empty; the first is next. */
  private readonly lanes = new Map<Lane, Set<J>>();
  private count = 0;

  /** `bound`: the most that one batch of a lane may hold, at least 1. */
  constructor(private readonly bound: (lane: Lane) => number) {}

  get length(): number {
    return this.count;
  }

  push(job: J): void {
    const lane = laneOf(job);
    const jobs = this.lanes.get(lane) ?? new Set<J>();
    this.lanes.set(lane, jobs.add(job));
    this.count++;
  }

  /** True when the job was still waiting. */
  remove(job: J): boolean {
    const lane = laneOf(job);
    const jobs = this.lanes.get(lane);
    if (jobs?.delete(job) !== true) return false;
    if (jobs.size === 0) this.lanes.delete(lane);
    this.count--;
    return true;
  }

  /**
   * Takes the next batch for one of `freeThreads`: of one lane, and no more than this thread's share of all that waits.
   */
  take(freeThreads: number): J[] {
    const [next] = this.lanes;
    if (next === undefined) return [];
    const [lane, jobs] = next;
    const batch = firstOf(jobs, Math.min(this.bound(lane), Math.ceil(this.count / freeThreads)));
    for (const job of batch) jobs.delete(job);
    this.count -= batch.length;
    this.lanes.delete(lane);
    if (jobs.size > 0) this.lanes.set(lane, jobs);
    return batch;
  }

  /** Takes all of them. */
  clear(): J[] {
    const all = [...this.lanes.values()].flatMap((jobs) => [...jobs]);
    this.lanes.clear();
    this.count = 0;
    return all;
  }
}

export function laneOf({ op, item, isFirst }: Job): Lane {
  if (op !== 'prepare' || !('keyType' in item) || !takesLong(item.keyType)) return op;
  return isFirst === true ? FIRST_SLOW_LANE : SLOW_LANE;
}

function firstOf<T>(all: ReadonlySet<T>, count: number): T[] {
  const first: T[] = [];
  for (const one of all) {
    if (first.push(one) >= count) break;
  }
  return first;
}
