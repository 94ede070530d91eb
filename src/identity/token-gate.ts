import { hash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { EndSignal } from '../cancellation/index.js';
import { errorCodeOf, IdentityError } from '../errors/index.js';
import type { Place } from './fair-queue.js';
import type { Pod } from './pod.js';
import type { Pods } from './pods.js';
import { RefusedTokens } from './refused-tokens.js';
import { parseServiceAccountToken, type TokenClaims } from './service-account-token.js';
import type { TokenPod } from './token-pod.js';
import { TokenTrial } from './token-trial.js';
import { WaitingShares } from './waiting-shares.js';
import type { IdentitySurroundings } from './workload-identity.js';

export interface TokenGateOptions extends IdentitySurroundings {
  readonly pods: Pods;
  /** Whom a token would stand for if it were accepted; throws `ERR_TOKEN_REFUSED` for what need not be tried. */
  readonly podOf: (claims: TokenClaims) => TokenPod;
  /** Tokens that wait for the CA at once; one more is refused. Each costs a CSR, and who guesses must not queue more. */
  readonly maxWaiting: number;
}

/** What a token says, and by what it is known again. */
interface TokenReading {
  readonly token: Buffer;
  /** SHA-256. */
  readonly digest: string;
  readonly claims: TokenClaims;
}

interface Waiting {
  readonly trial: TokenTrial;
  readonly verdict: Promise<Pod>;
}

/**
 * Lets a stream pass to its pod when the CA has accepted the stream's *own* token. What a token claims is believed only
 * after that, and accepted and refused tokens are known again by their SHA-256 alone.
 */
export class TokenGate {
  private readonly waiting = new Map<string, Waiting>();
  private readonly shares: WaitingShares;
  private readonly refused: RefusedTokens;
  private last: TokenReading | undefined;
  /** One for all who wait. */
  private readonly closing = new AbortController();

  constructor(private readonly options: TokenGateOptions) {
    this.refused = new RefusedTokens(options.now);
    this.shares = new WaitingShares(options.maxWaiting);
    // Each call of the CA that is under way listens, and Node takes more than ten for a leak.
    setMaxListeners(0, this.closing.signal);
  }

  /**
   * Resolves with the token's pod once the CA has accepted it; hold the pod at once. While the CA is away it waits,
   * trying again, until `signal` aborts: the stream's own. Tokens that wait take turns by the `place` that they came from,
   * if it is known.
   * @throws IdentityError `ERR_TOKEN_*` or `ERR_CA_REFUSED_TOKEN`: refused; `ERR_CA_OVERLOADED`: too many tokens wait
   *   already, of all or of this place, or there are too many pods; `ERR_CANCELLED`: aborted.
   */
  async admit(token: Buffer, signal: EndSignal, place?: Place): Promise<Pod> {
    const { digest, claims } = this.read(token);
    const pod = this.options.pods.find(digest, token);
    if (pod !== undefined) return pod;
    this.refused.throwIfRefused(digest);
    // Before anything is begun: nothing is asked for a stream that has gone.
    if (signal.aborted) throw new IdentityError('ERR_CANCELLED', 'the stream ended before its token was accepted');
    const { trial, verdict } = this.waiting.get(digest) ?? this.begin(digest, { token, claims, place });
    return trial.join(verdict, signal);
  }

  /** Ends all waiting. Safe to call twice. */
  async close(): Promise<void> {
    this.closing.abort();
    this.last = undefined;
    await Promise.allSettled([...this.waiting.values()].map(({ verdict }) => verdict));
  }

  /** An Envoy opens a stream for each of its secrets, one right after the other, and all with the same token. */
  private read(token: Buffer): TokenReading {
    const nowMs = this.options.now();
    const last = this.last;
    if (last?.token.equals(token) === true && (last.claims.expiresAtMs ?? Number.POSITIVE_INFINITY) > nowMs)
      return last;
    const claims = parseServiceAccountToken(token, nowMs);
    this.last = { token, digest: hash('sha256', token, 'base64'), claims };
    return this.last;
  }

  private begin(
    digest: string,
    {
      token,
      claims,
      place,
    }: { readonly token: Buffer; readonly claims: TokenClaims; readonly place: Place | undefined },
  ): Waiting {
    const { pods, podOf } = this.options;
    this.shares.throwIfTaken(place);
    const pod = podOf(claims);
    if (!pods.hasRoomFor(pod)) throw noRoom();
    const read = { bytes: token, expiresAtMs: claims.expiresAtMs ?? Number.POSITIVE_INFINITY };
    const trial = new TokenTrial(read, pod, place, this.options, this.closing.signal);
    this.shares.taken(place);
    const verdict = this.judge(digest, trial);
    // All who wait may have gone: a verdict that nobody hears must not end the process.
    verdict.catch(() => {});
    const waiting = { trial, verdict };
    this.waiting.set(digest, waiting);
    return waiting;
  }

  private async judge(digest: string, trial: TokenTrial): Promise<Pod> {
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
      throw error;
    } finally {
      this.waiting.delete(digest);
      this.shares.givenBack(trial.place);
    }
  }
}

function noRoom(): IdentityError {
  return new IdentityError('ERR_CA_OVERLOADED', 'as many pods are served already as may be');
}
