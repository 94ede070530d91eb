import { CancelSource } from '../../cancellation/index.js';
import type { SealedSvid } from '../../hotpath/index.js';
import { Field, type LogFields, type Logger, type Span } from '../../telemetry/index.js';
import type { ScheduledCall, WallClockTimers } from '../../timers/index.js';
import type { BundleDelivery } from './bundle-delivery.js';
import type { BundleInterner } from './bundle-interner.js';
import { BundleWithRetiredRoots } from './bundle-with-retired-roots.js';
import { type CurrentSvid, currentSvid } from './current-svid.js';
import type { IssuanceTraces } from './issuance-traces.js';
import type { SecretContent } from './secret-content.js';
import type { ServedLeaves } from './served-leaves.js';

/** Which halves of the SVID are new. */
export interface SvidChange {
  readonly certificate: boolean;
  readonly bundle: boolean;
}

export interface SvidPublisherOptions {
  readonly timers: WallClockTimers;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly delivery: BundleDelivery;
  readonly bundles: BundleInterner;
  /** Is told which version is whose; left out, nothing is traced. */
  readonly traces?: Pick<IssuanceTraces, 'served'> | undefined;
  /** Is told which key has signed what is served. */
  readonly leaves?: Pick<ServedLeaves, 'served'> | undefined;
  /** Stands in each log line. */
  readonly logFields: LogFields;
}

/** A proven SVID on its way to its streams. */
export interface NewSvid {
  readonly sealed: SealedSvid;
  /** Epoch milliseconds; drawn once. */
  readonly rotateAtMs: number;
  /** When it was asked for, in epoch milliseconds. */
  readonly startedAtMs: number;
  /** As of {@link ServedLeaves}; left out, it is not known. */
  readonly issuerKey?: string;
  /** Of its issuance. */
  readonly span?: Span | undefined;
}

/**
 * How long a new leaf waits for the bundle that has its root: ten times what the last of 5 000 streams needs. Streams
 * that have not ACKed by then no longer delay the leaf.
 */
const DELIVERY_TIMEOUT_MS = 5000;

/**
 * What all streams see of one workload's SVID, in the order that breaks no peer: first the bundle with old and new
 * roots, then the leaf of a new root, and an old root goes when no leaf of it can be valid any more.
 */
export class SvidPublisher {
  #held: CurrentSvid | undefined;
  /** Waits for its bundle to be everywhere, or for its beginning. */
  private staged: NewSvid | undefined;
  /** A bundle with new roots that has come without a leaf, and is not everywhere yet. */
  private undelivered: SecretContent | undefined;
  private wake = (): void => {};
  private rootTimer: ScheduledCall | undefined;
  private readonly bundle: BundleWithRetiredRoots;
  private readonly listeners = new Set<(change: SvidChange) => void>();
  private readonly closing = new CancelSource();

  constructor(private readonly options: SvidPublisherOptions) {
    this.bundle = new BundleWithRetiredRoots(options.bundles);
  }

  get held(): CurrentSvid | undefined {
    return this.#held;
  }

  isValid(): boolean {
    return this.#held !== undefined && this.options.now() < this.#held.notAfterMs;
  }

  /** Calls `listener` after each change, until the result is called. */
  onChange(listener: (change: SvidChange) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /**
   * Owns its bytes. While one waits, for its bundle to be everywhere or for its beginning, the next takes its place.
   * One that begins later than now by our clock is served at once when there is no other: peers may have the CA's
   * clock.
   */
  publish(next: NewSvid): void {
    const nowMs = this.options.now();
    const heldLeafEndMs = this.#held?.notAfterMs ?? 0;
    const { content, hasChanged, hasNewRoots, lacksRoot } = this.bundle.take(next.sealed, { nowMs, heldLeafEndMs });
    if (lacksRoot) this.warnOfBundle('the trust bundle has no self-signed root', content);
    if (hasChanged) this.planRootEnd();
    const isAhead = next.sealed.notBeforeMs > nowMs;
    if (isAhead) this.warnOfSkew(next.sealed, nowMs);
    const isWaiting = this.staged !== undefined;
    const isOnItsWay = this.undelivered !== undefined;
    if (!isWaiting && (!(hasNewRoots || isAhead || isOnItsWay) || !this.isValid())) {
      this.replace(next);
      return;
    }
    const knownBundle = isOnItsWay ? undefined : this.#held?.bundle;
    this.stage(next);
    this.replaceBundle(content);
    if (!isWaiting) void this.replaceWhenReady(knownBundle);
  }

  /**
   * The CA names these roots now, and gives no leaf. Before the first leaf nothing is done, for that brings its own.
   * `bundleBody` is a serialised `Secret{validation_context}`.
   */
  takeBundle(bundleBody: Buffer): void {
    const held = this.#held;
    if (held === undefined || this.closing.isCancelled) return;
    const nowMs = this.options.now();
    // Peers may have got leaves of a root up to now that it is dropped, and theirs live as long as ours.
    const notAfterMs = nowMs + held.notAfterMs - held.notBeforeMs;
    const step = this.bundle.take({ bundleBody, notAfterMs }, { nowMs, heldLeafEndMs: held.notAfterMs });
    if (!step.hasChanged) return;
    if (step.lacksRoot) this.warnOfBundle('the trust bundle has no self-signed root', step.content);
    this.planRootEnd();
    this.replaceBundle(step.content);
    if (step.hasNewRoots) void this.deliver(step.content);
  }

  /** Until it is everywhere, a leaf may be of a root that some streams do not have yet. Never rejects. */
  private async deliver(bundle: SecretContent): Promise<void> {
    this.undelivered = bundle;
    await this.delivered(bundle);
    if (this.undelivered === bundle) this.undelivered = undefined;
  }

  /** Takes back what waits; what is held stays readable. */
  close(): void {
    this.closing.cancel();
    this.rootTimer?.cancel();
    this.stage(undefined);
  }

  /** Overwrites what is held. Only after {@link close}, when no stream can ask for it any more. */
  wipe(): void {
    this.#held?.certificate.wipe();
    this.#held = undefined;
  }

  private stage(next: NewSvid | undefined): void {
    this.staged?.sealed.certificateBody.fill(0);
    this.staged = next;
    this.wake();
  }

  /**
   * Waits until the bundle is everywhere, `knownBundle` being so already, and the leaf has begun; meanwhile another
   * answer may bring further roots, or another leaf. Never rejects.
   */
  private async replaceWhenReady(knownBundle: SecretContent | undefined): Promise<void> {
    for (let known = knownBundle; this.staged !== undefined; ) {
      const bundle = this.#held?.bundle;
      const beginsAtMs = Math.min(this.staged.sealed.notBeforeMs, this.#held?.notAfterMs ?? 0);
      if (bundle !== undefined && bundle !== known) {
        known = bundle;
        await this.delivered(bundle);
      } else if (this.options.now() < beginsAtMs) {
        await this.wakeAt(beginsAtMs);
      } else {
        break;
      }
    }
    const staged = this.staged;
    this.staged = undefined;
    if (staged !== undefined) this.replace(staged);
  }

  /** Resolves at `atMs`, or as soon as another SVID is staged. */
  private wakeAt(atMs: number): Promise<void> {
    return new Promise((resolve) => {
      const call = this.options.timers.schedule(atMs, resolve);
      this.wake = () => {
        call.cancel();
        resolve();
      };
    });
  }

  private warnOfSkew({ serial, notBeforeMs }: SealedSvid, nowMs: number): void {
    const { logger, logFields } = this.options;
    logger.warn('the clock of the ca is ahead', {
      ...logFields,
      [Field.serial]: serial,
      [Field.notBefore]: new Date(notBeforeMs).toISOString(),
      [Field.now]: new Date(nowMs).toISOString(),
    });
  }

  /** The held leaf must not end meanwhile. */
  private delivered(bundle: SecretContent): Promise<void> {
    const { delivery, now } = this.options;
    const remainingMs = Math.max(0, (this.#held?.notAfterMs ?? 0) - now());
    const timeoutMs = Math.min(DELIVERY_TIMEOUT_MS, remainingMs / 2);
    return delivery.delivered(bundle, { timeoutMs, signal: this.closing });
  }

  private replaceBundle(bundle: SecretContent): void {
    if (this.#held === undefined || this.#held.bundle === bundle) return;
    this.#held = { ...this.#held, bundle };
    const { logger, logFields } = this.options;
    logger.info('trust bundle changed', { ...logFields, [Field.version]: bundle.version });
    this.tell({ certificate: false, bundle: true });
  }

  private replace({ sealed, rotateAtMs, startedAtMs, issuerKey = '', span }: NewSvid): void {
    const { now, logger, logFields, traces, leaves } = this.options;
    const { content } = this.bundle;
    if (content === undefined) return;
    const previous = this.#held;
    const held = currentSvid(sealed, content, rotateAtMs);
    this.#held = held;
    logger.info(previous === undefined ? 'svid issued' : 'svid rotated', {
      ...logFields,
      [Field.serial]: held.serial,
      [Field.notAfter]: new Date(held.notAfterMs).toISOString(),
      [Field.rotateAt]: new Date(held.rotateAtMs).toISOString(),
      [Field.durationMs]: now() - startedAtMs,
      [Field.traceId]: span?.traceId,
    });
    leaves?.served(held.certificate.version, { issuerKey, notAfterMs: held.notAfterMs });
    if (span !== undefined) traces?.served(held.certificate.version, span);
    this.tell({ certificate: true, bundle: previous?.bundle !== held.bundle });
    // Each message has a copy of the body, so the old key is no longer needed.
    previous?.certificate.wipe();
  }

  private tell(change: SvidChange): void {
    for (const listener of this.listeners) listener(change);
  }

  private planRootEnd(): void {
    this.rootTimer?.cancel();
    const { timers, now } = this.options;
    const nextEndMs = this.bundle.nextEndMs(now());
    if (nextEndMs === undefined || this.closing.isCancelled) return;
    this.rootTimer = timers.schedule(nextEndMs, () => {
      const bundle = this.bundle.dropEnded(now());
      if (bundle !== undefined) this.replaceBundle(bundle);
      const { content } = this.bundle;
      if (content !== undefined && this.bundle.isExpiredAt(now())) {
        this.warnOfBundle('all certificates of the trust bundle have expired, the last ones stay', content);
      }
      this.planRootEnd();
    });
  }

  private warnOfBundle(message: string, { version }: SecretContent): void {
    const { logger, logFields } = this.options;
    logger.warn(message, { ...logFields, [Field.version]: version });
  }
}
