import type { X509Certificate } from 'node:crypto';
import { CancelSource } from '../../cancellation/index.js';
import { TrustBundle } from '../../pki/spiffe/index.js';
import { Field, type Logger } from '../../telemetry/index.js';
import type { ScheduledCall, WallClockTimers } from '../../timers/index.js';
import type { IdentityFiles } from '../files/index.js';
import {
  type BundleDelivery,
  BundleInterner,
  BundleWithRetiredRoots,
  type SecretContent,
  type SvidChange,
} from '../identity/index.js';
import { trustedCaOf } from './secret-codec.js';

/** One good state of the files, or what is served of it. */
export interface MountedSet extends Pick<IdentityFiles, 'spiffeId' | 'serial' | 'notBeforeMs' | 'notAfterMs'> {
  readonly certificate: SecretContent;
  readonly bundle: SecretContent;
  /** The certificates of the chain. */
  readonly chain: readonly X509Certificate[];
}

export interface MountedRolloverOptions {
  readonly delivery: BundleDelivery;
  readonly timers: WallClockTimers;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
}

/** As for a root of a CA: streams that have not ACKed the bundle by then no longer delay the leaf. */
const DELIVERY_TIMEOUT_MS = 5000;

/**
 * A root that was replaced together with the leaf stays for so long, as peers have leaves of it: a kubelet brings a new
 * volume to its pods within a minute or two, one after the other. Roots that are to stay for longer, stay in the file.
 */
const RETIRED_ROOT_MS = 5 * 60_000;

/**
 * What is served of mounted sets, in the order that breaks no peer: first the bundle with old and new roots, then the
 * leaf of a new root, then no old root any more. Its owner closes it.
 */
export class MountedRollover {
  #served: MountedSet | undefined;
  /** Waits until the streams have its roots. */
  private staged: MountedSet | undefined;
  private isWaiting = false;
  private rootTimer: ScheduledCall | undefined;
  private readonly bundles = new BundleWithRetiredRoots(new BundleInterner());
  private readonly closing = new CancelSource();

  /** Calls `onChange` after each change of what is served. */
  constructor(
    private readonly options: MountedRolloverOptions,
    private readonly onChange: (change: SvidChange) => void,
  ) {}

  get served(): MountedSet | undefined {
    return this.#served;
  }

  /** Whether a certificate is served, or about to be: its key is not to be wiped. */
  uses(certificate: SecretContent): boolean {
    return certificate === this.#served?.certificate || certificate === this.staged?.certificate;
  }

  /** Takes another set over; its owner wipes the certificate of the last one when it is not used any more. */
  take(next: MountedSet): void {
    const { now } = this.options;
    const nowMs = now();
    const held = this.#served;
    const isSameLeaf = held?.certificate.version === next.certificate.version;
    const isHeldGood = held !== undefined && nowMs < held.notAfterMs && !this.bundles.isExpiredAt(nowMs);
    const isOverlap = isHeldGood && !isSameLeaf && !this.areMistaken(held, next);
    // Without an overlap the roots are those of the file: beside the same leaf one was taken away on purpose.
    const heldLeafEndMs = isOverlap ? Math.min(held.notAfterMs, nowMs + RETIRED_ROOT_MS) : nowMs;
    const bundleBody = Buffer.from(next.bundle.body);
    const { hasNewRoots } = this.bundles.take({ bundleBody, notAfterMs: 0 }, { nowMs, heldLeafEndMs });
    this.planRootEnd();
    const mustWait = isOverlap && (hasNewRoots || this.isWaiting);
    const dropped = this.staged;
    this.staged = mustWait ? next : undefined;
    if (dropped !== undefined && !mustWait && dropped.certificate !== next.certificate) dropped.certificate.wipe();
    if (!mustWait) {
      this.serve(next);
      return;
    }
    this.tellOfWait(next);
    this.serve(held);
    if (!this.isWaiting) void this.serveWhenTrusted();
  }

  /** Wipes what is served, and what waits. Safe to call twice. */
  close(): void {
    this.closing.cancel();
    this.rootTimer?.cancel();
    for (const set of [this.#served, this.staged]) set?.certificate.wipe();
    this.#served = undefined;
    this.staged = undefined;
  }

  /** Serves a set, with the bundle as it is now. */
  private serve(set: MountedSet): void {
    const before = this.#served;
    const bundle = this.bundles.content ?? set.bundle;
    this.#served = { ...set, bundle };
    const change = { certificate: before?.certificate !== set.certificate, bundle: before?.bundle !== bundle };
    if (change.certificate || change.bundle) this.onChange(change);
    // Each message has a copy of the body, so the old key is no longer needed.
    if (change.certificate) before?.certificate.wipe();
  }

  /** Waits until the streams have the bundle, and meanwhile another one if there is. Never rejects. */
  private async serveWhenTrusted(): Promise<void> {
    const { delivery, now } = this.options;
    this.isWaiting = true;
    let delivered: SecretContent | undefined;
    while (this.staged !== undefined && this.#served !== undefined && delivered !== this.#served.bundle) {
      const { bundle, notAfterMs } = this.#served;
      // The leaf that is served must not expire meanwhile.
      const timeoutMs = Math.min(DELIVERY_TIMEOUT_MS, Math.max(0, notAfterMs - now()) / 2);
      await delivery.delivered(bundle, { timeoutMs, signal: this.closing });
      delivered = bundle;
    }
    this.isWaiting = false;
    const { staged } = this;
    this.staged = undefined;
    if (staged !== undefined) this.serve(staged);
  }

  private planRootEnd(): void {
    this.rootTimer?.cancel();
    const { timers, now } = this.options;
    const nextEndMs = this.bundles.nextEndMs(now());
    if (nextEndMs === undefined) return;
    this.rootTimer = timers.schedule(nextEndMs, () => {
      this.bundles.dropEnded(now());
      if (this.#served !== undefined) this.serve(this.#served);
      this.planRootEnd();
    });
  }

  /**
   * Whether a verifier that has the roots of both sets may take the wrong one: a root that has the name of the issuer,
   * and no key identifier says that it is another. It then refuses the chain, without a look at the next root.
   */
  private areMistaken(held: MountedSet, next: MountedSet): boolean {
    const areMistaken = looksIssued(held.chain, rootsOf(next)) || looksIssued(next.chain, rootsOf(held));
    if (areMistaken) {
      const fields = { [Field.serial]: next.serial };
      this.options.logger.warn(
        'mounted roots of one name and without key identifiers replace each other at once',
        fields,
      );
    }
    return areMistaken;
  }

  private tellOfWait({ serial }: MountedSet): void {
    this.options.logger.info('mounted certificate waits until the streams have its new root', {
      [Field.serial]: serial,
    });
  }
}

function rootsOf({ bundle }: MountedSet): readonly X509Certificate[] {
  return TrustBundle.parsePem(Buffer.from(trustedCaOf(bundle.body))).list();
}

/** By name and key identifiers, but not by signature. */
function looksIssued(chain: readonly X509Certificate[], roots: readonly X509Certificate[]): boolean {
  return chain.some((one) => roots.some((root) => one.checkIssued(root) && !one.verify(root.publicKey)));
}
