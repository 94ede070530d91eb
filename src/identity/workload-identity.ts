import { errorCodeOf, IdentityError } from '../errors/index.js';
import type { HotPath, KeyType, SealedSvid } from '../hotpath/index.js';
import { rotateAtMs, type ScheduledCall, type TimerWheel } from '../rotation/index.js';
import type { SpiffeId } from '../spiffe/index.js';
import { Field, type Logger } from '../telemetry/index.js';
import type { CertificateIssuer, TokenSource } from './certificate-issuer.js';
import { type HeldSvid, holdSvid } from './held-svid.js';
import { advance, INITIAL_LIFECYCLE, isWorthLogging, type Lifecycle, type LifecycleEvent } from './lifecycle.js';
import type { SecretContent } from './secret-content.js';

/** An SVID with less life than this is as good as ended: peers would see it fail in mid-handshake. */
const MIN_USEFUL_LIFE_MS = 2000;

export interface WorkloadIdentityOptions {
  readonly spiffeId: SpiffeId;
  readonly keyType: KeyType;
  /** The life to ask for; the CA may give less. */
  readonly ttlMs: number;
  /** The token of renewals. */
  readonly token: TokenSource;
  readonly issuer: CertificateIssuer;
  readonly hotPath: Pick<HotPath, 'prepare' | 'seal'>;
  readonly timers: TimerWheel;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
}

/** Which halves of the SVID are new. */
export interface SvidChange {
  readonly certificate: boolean;
  readonly bundle: boolean;
}

/**
 * One workload's SVID, kept fresh. At most one CSR is in flight, however many callers wait; a failed renewal leaves
 * the held SVID alone and is tried again, densely towards its end.
 */
export class WorkloadIdentity {
  #state: Lifecycle = INITIAL_LIFECYCLE;
  #held: HeldSvid | undefined;
  #inFlight: Promise<void> | undefined;
  #timer: ScheduledCall | undefined;
  readonly #listeners = new Set<(change: SvidChange) => void>();
  readonly #failureListeners = new Set<(error: unknown) => void>();
  readonly #closing = new AbortController();

  constructor(private readonly options: WorkloadIdentityOptions) {}

  /** Issues the first SVID now, before anybody asks, and keeps it fresh from then on. */
  start(): void {
    void this.#renew();
  }

  /** The certificate with its key: `undefined` before the first issue and after the end of the last one. */
  certificate(): SecretContent | undefined {
    return this.hasValidSvid() ? this.#held?.certificate : undefined;
  }

  /** The trust bundle: the last good one, even when the leaf has ended. */
  bundle(): SecretContent | undefined {
    return this.#held?.bundle;
  }

  hasValidSvid(): boolean {
    return this.#held !== undefined && this.options.now() < this.#held.notAfterMs;
  }

  /** Calls `listener` after each change, until the result is called. */
  onChange(listener: (change: SvidChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls `listener` with the error of each renewal that failed, until the result is called. */
  onRenewalFailure(listener: (error: unknown) => void): () => void {
    this.#failureListeners.add(listener);
    return () => void this.#failureListeners.delete(listener);
  }

  /**
   * Issues with this very token, after whatever is in flight: how a caller's token is put before the CA. On success the
   * new SVID is published, as after a renewal; on failure nothing has changed.
   * @throws IdentityError whatever `prepare`, the issuer or `seal` throws.
   */
  async issueWith(token: TokenSource): Promise<void> {
    await this.#inTurn(() => this.#issue(token));
  }

  /** Ends the CSR in flight and all timers. Held secrets stay readable for streams that are still open. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#timer?.cancel();
    await this.#inFlight?.catch(() => {});
  }

  #renew(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#closing.signal.aborted || !this.#isDue()) return;
      this.#step({ kind: 'begun' });
      await this.#issue(this.options.token).catch((error: unknown) => this.#renewalFailed(error));
    });
  }

  /** False when a caller's token has brought a new SVID while the renewal stood in line. */
  #isDue(): boolean {
    const { activity } = this.#state;
    return activity.kind === 'dormant' || (activity.kind === 'waiting' && activity.untilMs <= this.options.now());
  }

  /** Runs `task` after whatever is in flight. Several may wait: the first to wake takes the turn before any other looks. */
  async #inTurn(task: () => Promise<void>): Promise<void> {
    while (this.#inFlight !== undefined) await this.#inFlight.catch(() => {});
    this.#inFlight = task();
    try {
      await this.#inFlight;
    } finally {
      this.#inFlight = undefined;
    }
  }

  async #issue(token: TokenSource): Promise<void> {
    if (this.#closing.signal.aborted) throw new IdentityError('ERR_CANCELLED', 'the agent is shutting down');
    const startedAtMs = this.options.now();
    this.#publish(await this.#obtain(token), startedAtMs);
  }

  /** One way from a new key to a proven SVID. The key is wiped here: from now on it lives in the sealed bytes alone. */
  async #obtain(token: TokenSource): Promise<SealedSvid> {
    const { spiffeId, keyType, hotPath, issuer, ttlMs, now } = this.options;
    const prepared = await hotPath.prepare({ spiffeId: spiffeId.toString(), keyType });
    try {
      const answer = await issuer.issue({ csrPem: prepared.csrPem, ttlMs, token, signal: this.#closing.signal });
      return await hotPath.seal({
        ...answer,
        privateKey: prepared.privateKey,
        spiffeId: spiffeId.toString(),
        nowMs: now(),
        minLifeMs: MIN_USEFUL_LIFE_MS,
      });
    } finally {
      prepared.privateKey.fill(0);
    }
  }

  #publish(sealed: SealedSvid, startedAtMs: number): void {
    const { now, random, logger, spiffeId } = this.options;
    const previous = this.#held;
    const dueMs = rotateAtMs({ ...sealed, receivedAtMs: now() }, random());
    const held = holdSvid(sealed, dueMs, previous);
    this.#held = held;
    this.#step({ kind: 'issued', notAfterMs: held.notAfterMs, rotateAtMs: held.rotateAtMs });
    logger.info(previous === undefined ? 'svid issued' : 'svid rotated', {
      [Field.spiffeId]: spiffeId.toString(),
      [Field.serial]: held.serial,
      [Field.notAfter]: new Date(held.notAfterMs).toISOString(),
      [Field.rotateAt]: new Date(held.rotateAtMs).toISOString(),
      [Field.durationMs]: now() - startedAtMs,
    });
    const change = { certificate: true, bundle: previous?.bundle !== held.bundle };
    for (const listener of this.#listeners) listener(change);
    // Who serves it copies the body into each message, so nobody needs the old key any more.
    previous?.certificate.wipe();
  }

  #renewalFailed(error: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#step({ kind: 'failed', nowMs: this.options.now(), draw: this.options.random() });
    this.#logFailure(error);
    for (const listener of this.#failureListeners) listener(error);
  }

  #step(event: LifecycleEvent): void {
    this.#state = advance(this.#state, event);
    if (this.#state.activity.kind !== 'waiting' || this.#closing.signal.aborted) return;
    this.#timer?.cancel();
    this.#timer = this.options.timers.schedule(this.#state.activity.untilMs, () => void this.#renew());
  }

  #logFailure(error: unknown): void {
    const { logger, spiffeId } = this.options;
    const fields = {
      [Field.spiffeId]: spiffeId.toString(),
      [Field.code]: errorCodeOf(error),
      [Field.error]: error instanceof Error ? error.message : String(error),
      [Field.attempt]: this.#state.failures,
      ...(this.#held && { [Field.notAfter]: new Date(this.#held.notAfterMs).toISOString() }),
    };
    if (!isWorthLogging(this.#state.failures)) logger.debug('svid renewal failed', fields);
    else if (this.hasValidSvid()) logger.warn('svid renewal failed', fields);
    else logger.error('no valid svid', fields);
  }
}
