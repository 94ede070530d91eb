import { errorCodeOf } from '../errors/index.js';
import type { KeyReserve, SealedSvid } from '../hotpath/index.js';
import { rotateAtMs, type ScheduledCall, type TimerWheel } from '../rotation/index.js';
import type { SpiffeId } from '../spiffe/index.js';
import { Field, type LogFields, type Logger } from '../telemetry/index.js';
import type { TokenSource } from './certificate-issuer.js';
import { type HeldSvid, holdSvid } from './held-svid.js';
import { type IdentityStatus, identityStatus, type RenewalFailure } from './identity-status.js';
import { advance, INITIAL_LIFECYCLE, isWorthLogging, type Lifecycle, type LifecycleEvent } from './lifecycle.js';
import type { SecretContent } from './secret-content.js';
import type { SvidIssuance } from './svid-issuance.js';

/** What all identities of an agent have in common. */
export interface IdentitySurroundings {
  readonly issuance: SvidIssuance;
  readonly timers: TimerWheel;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
}

export interface WorkloadIdentityOptions extends IdentitySurroundings {
  readonly spiffeId: SpiffeId;
  /** The token of renewals. */
  readonly token: TokenSource;
  /** Stands in each log line, where several workloads have one SPIFFE ID. */
  readonly logFields?: LogFields;
}

/** Which halves of the SVID are new. */
export interface SvidChange {
  readonly certificate: boolean;
  readonly bundle: boolean;
}

/**
 * One workload's SVID, kept fresh. At most one renewal is under way; a failed one leaves the held SVID alone and is
 * tried again, densely towards its end.
 */
export class WorkloadIdentity {
  #state: Lifecycle = INITIAL_LIFECYCLE;
  #held: HeldSvid | undefined;
  #lastFailure: RenewalFailure | undefined;
  #renewal: Promise<void> | undefined;
  #timer: ScheduledCall | undefined;
  readonly #listeners = new Set<(change: SvidChange) => void>();
  readonly #failureListeners = new Set<(error: unknown) => void>();
  readonly #closing = new AbortController();

  readonly #keys: KeyReserve;

  constructor(private readonly options: WorkloadIdentityOptions) {
    this.#keys = options.issuance.keysOf(options.spiffeId);
  }

  /** Issues the first SVID now, before anybody asks, and keeps it fresh from then on. */
  start(): void {
    this.#renew();
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

  status(): IdentityStatus {
    const facts = { held: this.#held, lifecycle: this.#state, lastFailure: this.#lastFailure };
    return identityStatus(this.options.spiffeId.toString(), facts, this.options.now());
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
   * Publishes an SVID of this identity, which was asked for at `startedAtMs`, and keeps it fresh from then on: also one
   * that was issued elsewhere, in the proof of a stream's token. Owns its bytes. After {@link close} it is only wiped.
   */
  adopt(sealed: SealedSvid, startedAtMs: number): void {
    if (this.#closing.signal.aborted) sealed.certificateBody.fill(0);
    else this.#publish(sealed, startedAtMs);
  }

  /** Ends the CSR in flight and all timers. Held secrets stay readable for streams that are still open. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#keys.close();
    this.#timer?.cancel();
    await this.#renewal;
  }

  /** Overwrites what is held. Only after {@link close}, when no stream can ask for it any more. */
  wipe(): void {
    this.#held?.certificate.wipe();
    this.#held = undefined;
  }

  #isDue(): boolean {
    const { activity } = this.#state;
    return !this.#closing.signal.aborted && activity.kind === 'waiting' && activity.untilMs <= this.options.now();
  }

  #renew(): void {
    this.#renewal ??= this.#renewNow().finally(() => {
      this.#renewal = undefined;
      // The time of the next one may have come while this one was still under way.
      if (this.#isDue()) this.#renew();
    });
  }

  /** Never rejects. */
  async #renewNow(): Promise<void> {
    const { issuance, spiffeId, token, now } = this.options;
    const { signal } = this.#closing;
    const startedAtMs = now();
    this.#step({ kind: 'begun' });
    // An SVID that is adopted meanwhile plans a renewal of its own, and makes this one needless if it has not begun.
    const isWanted = (): boolean => !signal.aborted && this.#state.activity.kind === 'issuing';
    try {
      const request = { spiffeId, token, precedence: 'renewal', signal, isWanted, keys: this.#keys } as const;
      await issuance.obtain(request, (sealed) => this.adopt(sealed, startedAtMs));
    } catch (error) {
      if (isWanted()) this.#renewalFailed(error);
    }
  }

  #publish(sealed: SealedSvid, startedAtMs: number): void {
    const { now, random, logger } = this.options;
    const previous = this.#held;
    const dueMs = rotateAtMs({ ...sealed, receivedAtMs: now() }, random());
    const held = holdSvid(sealed, dueMs, previous);
    this.#held = held;
    this.#step({ kind: 'issued', notAfterMs: held.notAfterMs, rotateAtMs: held.rotateAtMs });
    logger.info(previous === undefined ? 'svid issued' : 'svid rotated', {
      ...this.#logFields(),
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
    const nowMs = this.options.now();
    this.#lastFailure = { code: errorCodeOf(error), message: messageOf(error), atMs: nowMs };
    this.#step({ kind: 'failed', nowMs, draw: this.options.random() });
    this.#logFailure(this.#lastFailure);
    for (const listener of this.#failureListeners) listener(error);
  }

  #step(event: LifecycleEvent): void {
    this.#state = advance(this.#state, event);
    if (this.#state.activity.kind !== 'waiting' || this.#closing.signal.aborted) return;
    this.#timer?.cancel();
    this.#timer = this.options.timers.schedule(this.#state.activity.untilMs, () => this.#renew());
    this.#keys.stock();
  }

  #logFailure({ code, message }: RenewalFailure): void {
    const { logger } = this.options;
    const fields = {
      ...this.#logFields(),
      [Field.code]: code,
      [Field.error]: message,
      [Field.attempt]: this.#state.failures,
      ...(this.#held && { [Field.notAfter]: new Date(this.#held.notAfterMs).toISOString() }),
    };
    if (!isWorthLogging(this.#state.failures)) logger.debug('svid renewal failed', fields);
    else if (this.hasValidSvid()) logger.warn('svid renewal failed', fields);
    else logger.error('no valid svid', fields);
  }

  #logFields(): LogFields {
    return { [Field.spiffeId]: this.options.spiffeId.toString(), ...this.options.logFields };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
