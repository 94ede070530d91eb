import { hash } from 'node:crypto';
import { type CancelSignal, CancelSource } from '../../cancellation/index.js';
import { errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
import type { Precedence, QueuePlace } from '../../fairness/index.js';
import {
  isTokenRejected,
  parseServiceAccountToken,
  type TokenClaims,
  throwIfTooLong,
} from '../../pki/service-account/index.js';
import { Field, RateLimitedLogger } from '../../telemetry/index.js';
import type { IdentityDependencies } from '../identity/index.js';
import type { Pod } from './pod.js';
import type { PodIdentity } from './pod-identity.js';
import type { Pods } from './pods.js';
import { RefusedTokens } from './refused-tokens.js';
import { TokenProof } from './token-proof.js';
import { type TrialOutcome, UnknownKeyTrials } from './unknown-key-trials.js';
import { WaitingShares } from './waiting-shares.js';

/** What can be said of a token here, without the CA. */
export interface TokenCheck {
  /**
   * Whether the token is genuine by the keys that are known here. `unknown-key`: it names another one.
   * @throws IdentityError `ERR_TOKEN_*`: it is not, or it is not for this CA, or not valid now.
   */
  check(
    token: Buffer,
  ): Promise<{ readonly kind: 'verified' } | { readonly kind: 'unknown-key'; readonly reason: Error }>;
}

export interface TokenGateOptions extends IdentityDependencies {
  readonly pods: Pods;
  /** Whom a token would stand for if it were accepted; throws `ERR_TOKEN_REFUSED` for what need not be tried. */
  readonly podOf: (claims: TokenClaims) => PodIdentity;
  /** What refuses tokens before they cost a key and a call; left out, the CA is asked about each of them. */
  readonly check?: TokenCheck | undefined;
  /**
   * Tokens that wait for the CA at once; one more is refused. Each costs a CSR, and who guesses must not queue more.
   */
  readonly maxWaiting: number;
}

/** By what way a token came. */
export interface TokenOrigin extends QueuePlace {
  /** The CA has refused it, and was asked for this one: a key and a call were for nothing. */
  readonly onWasted?: (() => void) | undefined;
}

/** A stream that wants to pass. */
interface Applicant {
  readonly token: Buffer;
  /** Of the token: its SHA-256. */
  readonly digest: string;
  readonly claims: TokenClaims;
  readonly place: TokenOrigin | undefined;
}

interface Waiting {
  readonly trial: TokenProof;
  readonly verdict: Promise<Pod>;
}

/**
 * How long a new stream waits for a token to be proven again. A CA answers within tens of milliseconds; one that does
 * not counts as away, and its last word stands.
 */
const PATIENCE_MS = 500;

/**
 * Lets a stream pass to its pod when the CA has accepted the stream's *own* token. What a token claims is believed only
 * after that, and accepted and refused tokens are known again by their SHA-256 alone. Of tokens it holds copies of its
 * own, which it wipes when the CA has judged them.
 */
export class TokenGate {
  private readonly waiting = new Map<string, Waiting>();
  private readonly shares: WaitingShares;
  private readonly refused: RefusedTokens;
  private readonly unknownKeys: UnknownKeyTrials;
  /** What was read last: an Envoy opens a stream for each of its secrets, one right after the other. */
  private last: { readonly digest: string; readonly claims: TokenClaims } | undefined;
  private readonly log: RateLimitedLogger;
  /** One for all who wait. */
  private readonly closing = new CancelSource();

  constructor(private readonly options: TokenGateOptions) {
    this.refused = new RefusedTokens(options.now);
    this.unknownKeys = new UnknownKeyTrials(options.now);
    this.shares = new WaitingShares(options.maxWaiting);
    this.log = new RateLimitedLogger(options.logger, options.now);
  }

  /**
   * Resolves with the token's pod once the CA has accepted it; hold the pod at once. While the CA is away it waits,
   * trying again, until `signal` is cancelled: the stream's own. A token that was accepted some time ago is proven
   * again, but where the CA gives no answer it passes. Tokens that wait take turns by the `place` that they came from,
   * if it is known. `token` stays the caller's, and is not read any more when this returns.
   * @throws IdentityError `ERR_TOKEN_*` or `ERR_CA_REFUSED_TOKEN`: refused; `ERR_CA_OVERLOADED`: too many tokens wait
   *   already, of all or of this place, or there are too many pods; `ERR_CANCELLED`: by `signal`.
   */
  async admit(token: Buffer, signal: CancelSignal, place?: TokenOrigin): Promise<Pod> {
    // Before anything is computed of it, its hash too.
    throwIfTooLong(token);
    const { pods, issuance } = this.options;
    const applicant = { token, place, ...this.read(token) };
    const { digest } = applicant;
    const found = pods.find(digest, token);
    if (found?.isFresh === true) return found.pod;
    this.refused.throwIfRefused(digest);
    if (found !== undefined && issuance.ca.isAway) return found.pod;
    // Before anything is begun: nothing is asked for a stream that has gone.
    if (signal.isCancelled) throw new IdentityError('ERR_CANCELLED', 'the stream ended before its token was accepted');
    if (found !== undefined) return this.proveAgain(found.pod, applicant, signal);
    const { trial, verdict } = this.waiting.get(digest) ?? this.begin(applicant);
    return trial.join(verdict, signal);
  }

  /** Tokens that the CA has not judged yet. */
  get waitingCount(): number {
    return this.waiting.size;
  }

  /** Ends all waiting. Safe to call twice. */
  async close(): Promise<void> {
    this.closing.cancel();
    this.last = undefined;
    await Promise.allSettled([...this.waiting.values()].map(({ verdict }) => verdict));
  }

  private read(token: Buffer): { digest: string; claims: TokenClaims } {
    const nowMs = this.options.now();
    const digest = hash('sha256', token, 'base64');
    const last = this.last;
    if (last?.digest === digest && (last.claims.expiresAtMs ?? Number.POSITIVE_INFINITY) > nowMs) return last;
    this.last = { digest, claims: parseServiceAccountToken(token, nowMs) };
    return this.last;
  }

  /** For a token that has been accepted before: waits for the CA's word, but not for long. */
  private async proveAgain(pod: Pod, applicant: Applicant, signal: CancelSignal): Promise<Pod> {
    const { timers, now, issuance, pods } = this.options;
    // Else its time of grace could end meanwhile, and the stream would get a pod that has no keys any more.
    const release = pod.hold();
    const givenTo = (found: Pod): Pod => {
      release();
      pods.wanted(found);
      return found;
    };
    // Its places are bounded by the accepted tokens, and forged ones must not stand before it.
    const { trial, verdict } = this.waiting.get(applicant.digest) ?? this.start(applicant, pod.of, 'renewal');
    const over = new CancelSource();
    const patience = timers.schedule(now() + PATIENCE_MS, () => over.cancel());
    signal.add(over);
    try {
      return givenTo(await trial.join(verdict, over));
    } catch (error) {
      if (!over.isCancelled || signal.isCancelled) throw error;
      issuance.ca.missed();
      return givenTo(pod);
    } finally {
      release();
      patience.cancel();
      signal.delete(over);
    }
  }

  private begin(applicant: Applicant): Waiting {
    const { place, claims, token } = applicant;
    const { length } = token;
    this.shares.throwIfTaken(place, length);
    const pod = this.options.podOf(claims);
    if (!this.options.pods.hasRoomFor(pod)) throw noRoom();
    this.shares.taken(place, length);
    const waiting = this.start(applicant, pod, 'proof');
    const leave = (): void => this.shares.givenBack(place, length);
    waiting.verdict.then(leave, (error: unknown) => {
      leave();
      if (waiting.trial.hasAskedCa && isTokenRejected(errorCodeOf(error))) place?.onWasted?.();
    });
    return waiting;
  }

  private start({ token, digest, claims, place }: Applicant, pod: PodIdentity, precedence: Precedence): Waiting {
    const read = { bytes: Buffer.from(token), expiresAtMs: claims.expiresAtMs ?? Number.POSITIVE_INFINITY };
    const turn = { precedence, ...(place && { place }) };
    const trial = new TokenProof(read, pod, turn, this.options, this.closing);
    // What the CA has accepted before it is asked about again, whatever has become of the key set.
    const verdict = precedence === 'proof' ? this.judgeNew(digest, trial) : this.judge(digest, trial);
    // All waiting streams may have ended: a rejection without a listener must not end the process.
    verdict.catch(() => {});
    const waiting = { trial, verdict };
    this.waiting.set(digest, waiting);
    return waiting;
  }

  /** As {@link judge}, but the CA is not asked about what is refused here. */
  private async judgeNew(digest: string, trial: TokenProof): Promise<Pod> {
    const { check } = this.options;
    if (check === undefined) return this.judge(digest, trial);
    let finding: Awaited<ReturnType<TokenCheck['check']>>;
    try {
      finding = await check.check(trial.token.bytes);
    } catch (error) {
      this.refused.add(digest, error);
      this.endWaiting(digest, trial);
      throw error;
    }
    if (finding.kind === 'verified') return this.judge(digest, trial);
    if (!this.unknownKeys.begin()) {
      // Not remembered as refused: its turn may be the next, or its key in the set soon.
      this.endWaiting(digest, trial);
      throw finding.reason;
    }
    return this.judgeUnknown(digest, trial, finding.reason);
  }

  /** For a token of an unknown key whose turn it is. */
  private async judgeUnknown(digest: string, trial: TokenProof, reason: Error): Promise<Pod> {
    let outcome: TrialOutcome = 'undecided';
    try {
      const pod = await this.judge(digest, trial);
      outcome = 'accepted';
      this.log.warn('the CA accepts a token key that the key set lacks', { [Field.error]: messageOf(reason) });
      return pod;
    } catch (error) {
      const code = errorCodeOf(error);
      if (code === 'ERR_TOKEN_REFUSED' || isTokenRejected(code)) outcome = 'refused';
      throw error;
    } finally {
      this.unknownKeys.end(outcome);
    }
  }

  private async judge(digest: string, trial: TokenProof): Promise<Pod> {
    const { pods } = this.options;
    try {
      const token = { hash: digest, ...trial.token };
      const pod = await trial.prove((sealed) => pods.accept(trial.pod, token, sealed, trial.startedAtMs));
      if (pod === undefined) throw noRoom();
      this.refused.forget(digest);
      return pod;
    } catch (error) {
      const code = errorCodeOf(error);
      if (code !== 'ERR_CANCELLED' && code !== 'ERR_CA_OVERLOADED') this.refused.add(digest, error);
      if (code === 'ERR_TOKEN_REFUSED' || isTokenRejected(code)) pods.refuse(digest);
      throw error;
    } finally {
      this.endWaiting(digest, trial);
    }
  }

  private endWaiting(digest: string, trial: TokenProof): void {
    this.waiting.delete(digest);
    trial.token.bytes.fill(0);
  }
}

function noRoom(): IdentityError {
  return new IdentityError('ERR_CA_OVERLOADED', 'as many pods are served already as may be');
}
