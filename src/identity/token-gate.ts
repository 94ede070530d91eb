import { createHash } from 'node:crypto';
import { type ErrorCode, errorCodeOf, IdentityError } from '../errors/index.js';
import { retryDelayMs, type TimerWheel } from '../rotation/index.js';
import type { TokenSource } from './certificate-issuer.js';
import { parseServiceAccountToken } from './service-account-token.js';
import type { WorkloadIdentity } from './workload-identity.js';

/** A pod has one token at a time, and a new one each few hours; more than these at once is somebody trying. */
const MAX_TOKENS_REMEMBERED = 256;

/** Tokens that wait for the CA at once: each costs a CSR, and a stream that guesses must not queue thousands. */
const MAX_TOKENS_WAITING = 32;

/** A refused token comes back with each retry of its Envoy; for this long the answer is given from memory. */
const REFUSAL_REMEMBERED_MS = 5000;

/** What the CA or the token itself has decided: trying again with the same token gives the same answer. */
const TOKEN_IS_NO_GOOD: ReadonlySet<ErrorCode> = new Set([
  'ERR_CA_REFUSED_TOKEN',
  'ERR_TOKEN_MISSING',
  'ERR_TOKEN_MALFORMED',
  'ERR_TOKEN_EXPIRED',
]);

export interface TokenGateOptions {
  readonly timers: TimerWheel;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

type Standing =
  | { readonly kind: 'waiting'; readonly verdict: Promise<void> }
  | { readonly kind: 'accepted'; readonly untilMs: number }
  | { readonly kind: 'refused'; readonly untilMs: number; readonly error: unknown };

/**
 * Lets a stream pass when the CA has accepted the stream's *own* token, and remembers which tokens those are (by
 * SHA-256). What a token claims is believed only after that. Also keeps the newest accepted token, for renewals.
 */
export class TokenGate implements TokenSource {
  readonly #standings = new Map<string, Standing>();
  readonly #tokenNeededListeners = new Set<() => void>();
  #latest: { readonly key: string; readonly token: Buffer } | undefined;
  #identity: WorkloadIdentity | undefined;

  constructor(private readonly options: TokenGateOptions) {}

  /** Names the identity that accepted tokens stand for. The gate is its token source, so one of both comes first. */
  guard(identity: WorkloadIdentity): void {
    this.#identity = identity;
    identity.onRenewalFailure((error) => {
      if (TOKEN_IS_NO_GOOD.has(errorCodeOf(error))) this.#dropLatest();
    });
  }

  /**
   * Calls `listener` when a renewal has shown that no token of ours is good any more, until the result is called: a
   * stream that starts anew brings the token file's present content.
   */
  onTokenNeeded(listener: () => void): () => void {
    this.#tokenNeededListeners.add(listener);
    return () => void this.#tokenNeededListeners.delete(listener);
  }

  /** The newest accepted token, for a renewal. */
  async read(): Promise<Buffer> {
    if (this.#latest === undefined) {
      throw new IdentityError('ERR_TOKEN_MISSING', 'no stream has brought a token yet, expected one in its metadata');
    }
    return this.#checkedCopy(this.#latest.token);
  }

  /**
   * Resolves once the CA has accepted `token`. While the CA is away it waits, trying again, until `signal` aborts: the
   * stream's own, for each wait listens to it, and Node takes more than ten listeners on one signal for a leak.
   * @throws IdentityError `ERR_TOKEN_*` or `ERR_CA_REFUSED_TOKEN`: refused; `ERR_CA_OVERLOADED`: too many tokens wait
   *   already; `ERR_CANCELLED`: aborted.
   */
  async admit(token: Buffer, signal: AbortSignal): Promise<void> {
    const { expiresAtMs } = parseServiceAccountToken(token, this.options.now());
    const key = createHash('sha256').update(token).digest('hex');
    const standing = this.#standing(key);
    if (standing?.kind === 'accepted') {
      // After the newest was dropped this may be all that renewals can have: nothing else would bring them a token.
      this.#latest ??= { key, token: Buffer.from(token) };
      return;
    }
    if (standing?.kind === 'refused') throw standing.error;
    // Before anything is begun: a verdict that nobody hears would end the process when it is a refusal.
    if (signal.aborted) throw cancelled();
    const verdict = standing?.verdict ?? this.#put(key, token, expiresAtMs ?? Number.POSITIVE_INFINITY);
    await unlessAborted(verdict, signal);
  }

  #standing(key: string): Standing | undefined {
    const standing = this.#standings.get(key);
    if (standing === undefined || standing.kind === 'waiting' || standing.untilMs > this.options.now()) return standing;
    this.#standings.delete(key);
    return undefined;
  }

  #put(key: string, token: Buffer, expiresAtMs: number): Promise<void> {
    const waiting = [...this.#standings.values()].filter(({ kind }) => kind === 'waiting').length;
    if (waiting >= MAX_TOKENS_WAITING) {
      throw new IdentityError('ERR_CA_OVERLOADED', `${waiting} tokens wait for the CA already`);
    }
    const verdict = this.#verify(token).then(
      () => {
        this.#latest?.token.fill(0);
        this.#latest = { key, token: Buffer.from(token) };
        this.#remember(key, { kind: 'accepted', untilMs: expiresAtMs });
      },
      (error: unknown) => {
        this.#remember(key, { kind: 'refused', untilMs: this.options.now() + REFUSAL_REMEMBERED_MS, error });
        throw error;
      },
    );
    this.#standings.set(key, { kind: 'waiting', verdict });
    return verdict;
  }

  async #verify(token: Buffer): Promise<void> {
    const source: TokenSource = { read: async () => this.#checkedCopy(token) };
    for (let failures = 0; ; failures += 1) {
      try {
        await this.#guarded().issueWith(source);
        return;
      } catch (error) {
        const code = errorCodeOf(error);
        if (code === 'ERR_SVID_IDENTITY_MISMATCH') {
          throw new IdentityError('ERR_TOKEN_REFUSED', 'the CA issues another identity for this token', {
            cause: error,
          });
        }
        if (TOKEN_IS_NO_GOOD.has(code) || code === 'ERR_CANCELLED') throw error;
        await this.#delay(retryDelayMs(failures, 0, this.options.random()));
      }
    }
  }

  /** A copy, because who reads a token wipes it; checked, because time has passed since it came. */
  #checkedCopy(token: Buffer): Buffer {
    parseServiceAccountToken(token, this.options.now());
    return Buffer.from(token);
  }

  #guarded(): WorkloadIdentity {
    if (this.#identity === undefined) throw new IdentityError('ERR_INTERNAL', 'the token gate guards no identity yet');
    return this.#identity;
  }

  #dropLatest(): void {
    if (this.#latest === undefined) return;
    this.#standings.delete(this.#latest.key);
    this.#latest.token.fill(0);
    this.#latest = undefined;
    for (const listener of this.#tokenNeededListeners) listener();
  }

  #delay(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.options.timers.schedule(this.options.now() + delayMs, resolve);
    });
  }

  #remember(key: string, standing: Standing): void {
    this.#standings.delete(key);
    this.#standings.set(key, standing);
    for (const [oldest, { kind }] of this.#standings) {
      if (this.#standings.size <= MAX_TOKENS_REMEMBERED) break;
      if (kind !== 'waiting') this.#standings.delete(oldest);
    }
  }
}

async function unlessAborted(verdict: Promise<void>, signal: AbortSignal): Promise<void> {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(cancelled());
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    await Promise.race([verdict, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function cancelled(): IdentityError {
  return new IdentityError('ERR_CANCELLED', 'the stream ended before its token was accepted');
}
