import { type CancelSignal, CancelSource } from '../../cancellation/index.js';
import { errorCodeOf, IdentityError } from '../../errors/index.js';
import type { AcquireRequest } from '../../fairness/index.js';
import { copyForUse, isTokenRejected, type ReadToken } from '../../pki/service-account/index.js';
import { retryDelayMs, waitUntil } from '../../timers/index.js';
import type { IdentityDependencies, IssuedSvid, TokenSource } from '../identity/index.js';
import { failureOf, MIN_HURRY_INTERVAL_MS } from '../identity/index.js';
import type { PodIdentity } from './pod-identity.js';

/**
 * A token before the CA, with all streams that wait for the verdict. While the CA is away it goes on trying, as long as
 * a stream waits; it ends when its turn comes and none does any more.
 */
export class TokenProof {
  readonly startedAtMs: number;
  /** A key and a call have been spent on it, or are about to. */
  hasAskedCa = false;
  private waiting = 0;
  /** When something that changed has ended a wait, epoch milliseconds; 0 before. */
  private hurriedAtMs = 0;

  /**
   * `closing` ends it, also while streams wait. `turn`: how it waits for the CA, by the stream that brought the token
   * first.
   */
  constructor(
    readonly token: ReadToken,
    readonly pod: PodIdentity,
    private readonly turn: Omit<AcquireRequest, 'signal'>,
    private readonly surroundings: IdentityDependencies,
    private readonly closing: CancelSignal,
  ) {
    this.startedAtMs = surroundings.now();
  }

  /**
   * Gives `use` the SVID that the CA has issued for the token, whose proof shows exactly the identity of its claims.
   * @throws IdentityError `ERR_TOKEN_*` or `ERR_CA_REFUSED_TOKEN`: refused; `ERR_CANCELLED`: no stream waits for it any
   * more.
   */
  async prove<T>(use: (sealed: IssuedSvid) => T): Promise<T> {
    const { issuance, now, traces } = this.surroundings;
    const { spiffeId, podUid } = this.pod;
    this.hasAskedCa = true;
    const token: TokenSource = { read: async () => copyForUse(this.token, now()) };
    const isWanted = (): boolean => this.waiting > 0;
    const request = { spiffeId, token, isWanted, signal: this.closing, ...this.turn };
    for (let failures = 0; ; failures += 1) {
      const span = traces?.begin(spiffeId, 'proof', podUid);
      try {
        return await issuance.obtain({ ...request, span }, use);
      } catch (error) {
        if (isFinal(error)) throw finalError(error);
        await this.waitFor(error, failures);
      }
    }
  }

  /** What `verdict`, of this trial, resolves with; a stream waits for it until its own `signal` is cancelled. */
  join<T>(verdict: Promise<T>, signal: CancelSignal): Promise<T> {
    this.waiting += 1;
    return new Promise((resolve, reject) => {
      const stream = {
        cancel: () => {
          this.waiting -= 1;
          reject(new IdentityError('ERR_CANCELLED', 'the stream ended before its token was accepted'));
        },
      };
      signal.add(stream);
      const heard =
        <A>(tell: (answer: A) => void) =>
        (answer: A): void => {
          if (signal.isCancelled) return;
          this.waiting -= 1;
          signal.delete(stream);
          tell(answer);
        };
      verdict.then(heard(resolve), heard(reject));
    });
  }

  /** Until the next try is worth its cost. What lifts a refusal ends the wait, unless it has just done so. */
  private async waitFor(error: unknown, failures: number): Promise<void> {
    const { timers, now, random, crowd, grounds } = this.surroundings;
    const { kind, notSoonerMs } = failureOf(error);
    const failed = { kind, failures, remainingMs: 0, crowd: crowd?.() ?? 1, notSoonerMs };
    const untilMs = now() + retryDelayMs(failed, random());
    if (kind !== 'refused' || grounds === undefined || Math.abs(now() - this.hurriedAtMs) < MIN_HURRY_INTERVAL_MS) {
      await waitUntil(timers, untilMs, this.closing);
      return;
    }
    const over = new CancelSource();
    const stop = grounds.onChange(() => {
      this.hurriedAtMs = now();
      over.cancel();
    });
    this.closing.add(over);
    await waitUntil(timers, untilMs, over);
    this.closing.delete(over);
    stop();
  }
}

function isFinal(error: unknown): boolean {
  const code = errorCodeOf(error);
  return isTokenRejected(code) || code === 'ERR_SVID_IDENTITY_MISMATCH' || code === 'ERR_CANCELLED';
}

function finalError(error: unknown): unknown {
  if (errorCodeOf(error) !== 'ERR_SVID_IDENTITY_MISMATCH') return error;
  return new IdentityError('ERR_TOKEN_REFUSED', 'the CA issues another identity for this token', { cause: error });
}
