import { IdentityError } from '../errors/index.js';

/** Who goes first when many wait: what keeps a served workload alive, before whoever is new. */
export type Precedence = 'renewal' | 'proof';

/**
 * Bounds how many do something at once; the others wait in line. Holds no limit on the line itself: who lets others in
 * has one. Each taken turn is given back, once.
 */
export class Turns {
  #taken = 0;
  readonly #lines: Readonly<Record<Precedence, Set<() => void>>> = { renewal: new Set(), proof: new Set() };

  constructor(private readonly maxAtOnce: number) {}

  /** Resolves when it is the caller's turn. @throws IdentityError `ERR_CANCELLED`: `signal` aborted before that. */
  take(precedence: Precedence, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(cancelled());
    if (this.#taken < this.maxAtOnce) {
      this.#taken += 1;
      return Promise.resolve();
    }
    const line = this.#lines[precedence];
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        line.delete(go);
        reject(cancelled());
      };
      signal.addEventListener('abort', leave, { once: true });
      line.add(go);
    });
  }

  /** Ends a turn: the next in line has it. */
  give(): void {
    for (const line of [this.#lines.renewal, this.#lines.proof]) {
      for (const go of line) {
        line.delete(go);
        go();
        return;
      }
    }
    this.#taken -= 1;
  }
}

function cancelled(): IdentityError {
  return new IdentityError('ERR_CANCELLED', 'ended while waiting for the CA');
}
