import { errorCodeOf } from '../errors/index.js';
import type { SealedSvid } from '../hotpath/index.js';
import type { ScheduledCall } from '../rotation/index.js';
import { Field } from '../telemetry/index.js';
import { type AcceptedToken, NewestToken } from './newest-token.js';
import { isTokenNoGood } from './service-account-token.js';
import type { TokenPod } from './token-pod.js';
import { type IdentitySurroundings, WorkloadIdentity } from './workload-identity.js';

/** A pod has one token at a time, and a new one each few hours; who brings more has the oldest ones proven again. */
const MAX_PASSES = 16;

export interface PodOptions extends IdentitySurroundings {
  /** How long it stays when nobody holds it; `Infinity` for ever. */
  readonly graceMs: number;
}

/** Whom a pod tells what becomes of it. */
export interface PodHost {
  passLost(hash: string): void;
  /** Somebody holds it. */
  wanted(pod: Pod): void;
  /** The last who held it has gone. */
  left(pod: Pod): void;
  /** Nobody has held it for the time of grace. */
  abandoned(pod: Pod): void;
}

/** A workload that tokens have proven: its identity, the tokens that let a stream pass, and who holds it. */
export class Pod {
  readonly identity: WorkloadIdentity;
  readonly #newest: NewestToken;
  /** Hashes of accepted tokens, oldest first, with their ends in epoch milliseconds. */
  readonly #passes = new Map<string, number>();
  readonly #tokenNeededListeners = new Set<() => void>();
  #holders = 0;
  #grace: ScheduledCall | undefined;

  constructor(
    readonly of: TokenPod,
    private readonly options: PodOptions,
    private readonly host: PodHost,
  ) {
    this.#newest = new NewestToken(options.now);
    const workload = { spiffeId: of.spiffeId, token: this.#newest, logFields: { [Field.podUid]: of.podUid } };
    this.identity = new WorkloadIdentity(options, workload);
    this.identity.onRenewalFailure((error) => {
      if (isTokenNoGood(errorCodeOf(error))) this.#askForToken();
    });
    this.#startGrace();
  }

  /** Lets an accepted token pass from now on, and publishes the SVID that its proof has brought. */
  accept(token: AcceptedToken, sealed: SealedSvid, startedAtMs: number): void {
    this.#passes.delete(token.hash);
    this.#passes.set(token.hash, token.expiresAtMs);
    for (const oldest of this.#passes.keys()) {
      if (this.#passes.size <= MAX_PASSES) break;
      this.#losePass(oldest);
    }
    this.#newest.offer(token);
    this.identity.adopt(sealed, startedAtMs);
  }

  /** Whether this token has been accepted before and has not ended. If so, renewals may use it, too. */
  admits(hash: string, token: Buffer): boolean {
    const expiresAtMs = this.#passes.get(hash);
    if (expiresAtMs === undefined || expiresAtMs <= this.options.now()) return false;
    // After the newest was dropped this may be all that renewals can have: nothing else would bring them a token.
    this.#newest.offer({ hash, bytes: token, expiresAtMs });
    return true;
  }

  /**
   * Calls `listener` when a renewal has shown that no token of ours is good any more, until the result is called: a
   * stream that starts anew brings the token file's present content.
   */
  onTokenNeeded(listener: () => void): () => void {
    this.#tokenNeededListeners.add(listener);
    return () => void this.#tokenNeededListeners.delete(listener);
  }

  /** Keeps it from being abandoned until the result is called. */
  hold(): () => void {
    this.#holders += 1;
    this.#grace?.cancel();
    this.host.wanted(this);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holders -= 1;
      if (this.#holders > 0) return;
      this.#startGrace();
      this.host.left(this);
    };
  }

  /** Takes all passes back, ends the renewals, and wipes keys and tokens. Nobody may hold it any more. */
  async close(): Promise<void> {
    this.#grace?.cancel();
    for (const hash of this.#passes.keys()) this.#losePass(hash);
    this.#newest.drop();
    await this.identity.close();
    this.identity.wipe();
  }

  #askForToken(): void {
    const dropped = this.#newest.drop();
    if (dropped === undefined) return;
    this.#losePass(dropped);
    for (const listener of this.#tokenNeededListeners) listener();
  }

  #losePass(hash: string): void {
    this.#passes.delete(hash);
    this.host.passLost(hash);
  }

  #startGrace(): void {
    const { graceMs, timers, now } = this.options;
    if (graceMs < Number.POSITIVE_INFINITY) {
      this.#grace = timers.schedule(now() + graceMs, () => this.host.abandoned(this));
    }
  }
}
