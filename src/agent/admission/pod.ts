import { errorCodeOf } from '../../errors/index.js';
import { isTokenRejected } from '../../pki/service-account/index.js';
import { Field } from '../../telemetry/index.js';
import type { ScheduledCall } from '../../timers/index.js';
import { type IdentityDependencies, type IssuedSvid, WorkloadIdentity } from '../identity/index.js';
import { type AcceptedToken, NewestToken } from './newest-token.js';
import type { PodIdentity } from './pod-identity.js';

/** A pod has one token at a time, and a new one each few hours; who brings more has the oldest ones proven again. */
const MAX_PASSES = 16;

/** A token that the CA has accepted, as far as this pod knows. */
interface Pass {
  /** Epoch milliseconds. */
  readonly expiresAtMs: number;
  /** When the CA accepted it last, in epoch milliseconds. */
  provenAtMs: number;
}

/** What a pod says to a token: accepted; accepted so long ago that a new stream has it proven again; unknown. */
export type Standing = 'fresh' | 'aged' | 'unknown';

export interface PodOptions extends IdentityDependencies {
  /** How long it stays when no stream holds it, so that an Envoy that restarts finds it warm; `Infinity` for ever. */
  readonly graceMs: number;
  /** For how long the CA's word on a token stands for new streams, in milliseconds. */
  readonly proofAgeMs: number;
}

/** Whom a pod tells what becomes of it. */
export interface PodHost {
  passLost(hash: string): void;
  /** It has leases. */
  wanted(pod: Pod): void;
  /** The last who held it has gone. */
  left(pod: Pod): void;
  /** It has had no lease for the time of grace. */
  abandoned(pod: Pod): void;
}

/** A workload that tokens have proven: its identity, the tokens that let a stream pass, and who holds it. */
export class Pod {
  readonly identity: WorkloadIdentity;
  readonly #newest: NewestToken;
  /** By the hashes of accepted tokens, oldest first. */
  readonly #passes = new Map<string, Pass>();
  readonly #tokenNeededListeners = new Set<() => void>();
  #holders = 0;
  #grace: ScheduledCall | undefined;

  constructor(
    readonly of: PodIdentity,
    private readonly options: PodOptions,
    private readonly host: PodHost,
  ) {
    this.#newest = new NewestToken(options.now);
    const workload = { spiffeId: of.spiffeId, token: this.#newest, logFields: { [Field.podUid]: of.podUid } };
    this.identity = new WorkloadIdentity(options, workload);
    this.identity.onRenewalFailure((error) => {
      const code = errorCodeOf(error);
      if (!isTokenRejected(code)) return;
      // What has been revoked is as a rule the pod, not one of its tokens.
      if (code === 'ERR_CA_REFUSED_TOKEN') this.#suspend();
      this.#askForToken();
    });
    this.#startGrace();
  }

  /**
   * Lets an accepted token pass from now on, and publishes the SVID that its proof has brought; of a token that was
   * only proven again it is wiped, because a new key for all streams is no news to any of them.
   */
  accept(token: AcceptedToken, sealed: IssuedSvid, startedAtMs: number): void {
    const isKnown = this.#passes.delete(token.hash);
    this.#passes.set(token.hash, { expiresAtMs: token.expiresAtMs, provenAtMs: this.options.now() });
    for (const oldest of this.#passes.keys()) {
      if (this.#passes.size <= MAX_PASSES) break;
      this.#dropPass(oldest);
    }
    this.#newest.offer(token);
    if (isKnown && this.identity.hasValidSvid()) sealed.certificateBody.fill(0);
    else this.identity.adopt(sealed, startedAtMs);
  }

  /** Whether this token has been accepted before and has not expired. If so, renewals may use it, too. */
  standingOf(hash: string, token: Buffer): Standing {
    const pass = this.#passes.get(hash);
    const nowMs = this.options.now();
    if (pass === undefined || pass.expiresAtMs <= nowMs) return 'unknown';
    // After the newest was dropped this may be all that renewals can have: nothing else would bring them a token.
    this.#newest.offer({ hash, bytes: token, expiresAtMs: pass.expiresAtMs });
    // The distance, not the order: a clock that was set back must not keep a pass fresh for ever.
    return Math.abs(nowMs - pass.provenAtMs) < this.options.proofAgeMs ? 'fresh' : 'aged';
  }

  /** The CA no longer accepts this token: no stream passes with it, and no renewal uses it. */
  refuse(hash: string): void {
    this.#dropPass(hash);
    if (this.#newest.hash === hash) this.#newest.drop();
  }

  /**
   * Calls `listener` when a renewal has shown that no token of ours is good any more, until the result is called: a
   * stream that is opened again brings the token file's present content.
   */
  onTokenNeeded(listener: () => void): () => void {
    this.#tokenNeededListeners.add(listener);
    return () => void this.#tokenNeededListeners.delete(listener);
  }

  /** No stream holds it. */
  get isIdle(): boolean {
    return this.#holders === 0;
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

  /** Ends it now, and not after its time of grace, when no stream holds it. */
  dismiss(): void {
    if (this.isIdle) this.host.abandoned(this);
  }

  /** Takes all passes back, ends the renewals, and wipes keys and tokens. There must be no lease any more. */
  async close(): Promise<void> {
    this.#grace?.cancel();
    this.#suspend();
    this.#newest.drop();
    await this.identity.close();
    this.identity.wipe();
  }

  /** Each token has to be proven again before a stream passes with it. */
  #suspend(): void {
    for (const hash of this.#passes.keys()) this.#dropPass(hash);
  }

  #askForToken(): void {
    const dropped = this.#newest.drop();
    if (dropped === undefined) return;
    this.#dropPass(dropped);
    for (const listener of this.#tokenNeededListeners) listener();
  }

  #dropPass(hash: string): void {
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
