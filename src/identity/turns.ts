import { AbortListeners } from '../cancellation/index.js';
import { IdentityError } from '../errors/index.js';

/** Who goes first when many wait: what keeps a served workload alive, before whoever is new. */
export type Precedence = 'renewal' | 'proof';

/**
 * Bounds how many do something at once; the others wait in line. Holds no limit on the line itself: who lets others in
 * has one. Each taken turn is given back, once.
 */
export class Turns {
  private taken = 0;
  private readonly lines: Readonly<Record<Precedence, Set<Waiter>>> = { renewal: new Set(), proof: new Set() };
  private readonly leaving = new AbortListeners<Waiter>((waiter) => {
    for (const line of Object.values(this.lines)) line.delete(waiter);
    waiter.reject(cancelled());
  });

  constructor(private readonly maxAtOnce: number) {}

  /** Resolves when it is the caller's turn. @throws IdentityError `ERR_CANCELLED`: `signal` aborted before that. */
  take(precedence: Precedence, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(cancelled());
    if (this.taken < this.maxAtOnce) {
      this.taken += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject, signal };
      this.leaving.add(signal, waiter);
      this.lines[precedence].add(waiter);
    });
  }

  /** Ends a turn: the next in line has it. */
  give(): void {
    for (const line of [this.lines.renewal, this.lines.proof]) {
      for (const waiter of line) {
        line.delete(waiter);
        this.leaving.delete(waiter.signal, waiter);
        waiter.resolve();
        return;
      }
    }
    this.taken -= 1;
  }
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: IdentityError) => void;
  readonly signal: AbortSignal;
}

function cancelled(): IdentityError {
  return new IdentityError('ERR_CANCELLED', 'ended while waiting for the CA');
}
