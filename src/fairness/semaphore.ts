import type { Cancellable, CancelSignal } from '../cancellation/index.js';
import { IdentityError } from '../errors/index.js';
import { FairQueue, type QueuePlace } from './fair-queue.js';

/**
 * What waits: a `proof` of a new token, whose workload has no certificate yet, or a `renewal` for one that has a valid
 * one.
 */
export type Precedence = 'renewal' | 'proof';

/**
 * A workload cannot start without its first certificate, and a renewal has hours left: so proofs go first. But a new
 * token may be forged, and a flood of them must not hold the renewals back until certificates expire: after so many
 * proofs in a row one renewal is next.
 */
const PROOFS_PER_RENEWAL = 3;

/** Who waits, and how. */
export interface AcquireRequest {
  readonly precedence: Precedence;
  readonly signal: CancelSignal;
  /** On whose behalf: those who wait take turns by it. Left out, all are one. */
  readonly place?: QueuePlace;
}

const ANYWHERE: QueuePlace = { uid: undefined, pid: undefined, connection: 0 };

/**
 * Bounds how many do something at once; the others wait, three proofs for each renewal, and of each kind fairly by
 * their places. Holds no limit on how many wait: that is for who lets them in. Each taken turn is given back, once.
 */
export class Semaphore {
  private taken = 0;
  /** Since the last renewal, as far as it matters. */
  private proofsInARow = 0;
  private readonly lines: Readonly<Record<Precedence, FairQueue<Waiter>>> = {
    renewal: new FairQueue(),
    proof: new FairQueue(),
  };

  constructor(private readonly maxAtOnce: number) {}

  /**
   * Resolves when it is the caller's turn.
   * @throws IdentityError `ERR_CANCELLED`: `signal` was cancelled before that.
   */
  acquire({ precedence, signal, place = ANYWHERE }: AcquireRequest): Promise<void> {
    if (signal.isCancelled) return Promise.reject(cancelled());
    if (this.taken < this.maxAtOnce) {
      this.taken += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const queue = this.lines[precedence];
      const waiter: Waiter = {
        signal,
        resolve,
        cancel() {
          queue.delete(waiter, place);
          reject(cancelled());
        },
      };
      queue.push(waiter, place);
      signal.add(waiter);
    });
  }

  /** Ends a turn: the next one has it. */
  release(): void {
    const next = this.next();
    if (next === undefined) {
      this.taken -= 1;
      return;
    }
    next.signal.delete(next);
    next.resolve();
  }

  private next(): Waiter | undefined {
    const { renewal, proof } = this.lines;
    const next = this.proofsInARow < PROOFS_PER_RENEWAL ? proof.shift() : undefined;
    if (next !== undefined) {
      this.proofsInARow += 1;
      return next;
    }
    this.proofsInARow = 0;
    // Without a renewal a full round of proofs is followed by the next.
    return renewal.shift() ?? proof.shift();
  }
}

interface Waiter extends Cancellable {
  readonly signal: CancelSignal;
  readonly resolve: () => void;
}

function cancelled(): IdentityError {
  return new IdentityError('ERR_CANCELLED', 'ended while waiting for the CA');
}
