import { CancelSource } from '../../cancellation/index.js';
import { type SpiffeId, TrustBundle, type TrustDomain } from '../../pki/spiffe/index.js';
import { Field, type Logger, Metric, type MetricRegistry } from '../../telemetry/index.js';
import { type ScheduledCall, type WallClockTimers, waitUntil } from '../../timers/index.js';
import {
  type BundleDelivery,
  chooseOrigin,
  type IdentityOrigin,
  type IdentityStatus,
  type MigrationFacts,
  nextChoiceMs,
  type OriginChoice,
  SecretContent,
  type SvidChange,
} from '../identity/index.js';
import { Memo } from './memo.js';
import { encodeValidationContext, trustedCaOf } from './secret-codec.js';
import type { ServedIdentity } from './workload-secrets.js';

/** One of the two sources. */
export interface OriginIdentity extends Pick<ServedIdentity, 'certificate' | 'bundle' | 'onChange'> {
  status(): Omit<IdentityStatus, 'spiffeId'>;
}

export interface MigratingIdentityOptions {
  readonly spiffeId: SpiffeId;
  readonly step: IdentityOrigin;
  /** Opened. */
  readonly files: OriginIdentity;
  /** Started. */
  readonly ca: OriginIdentity & { onRenewalFailure(listener: () => void): () => void };
  readonly delivery: BundleDelivery;
  readonly timers: WallClockTimers;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly metrics: MetricRegistry;
  readonly logger: Logger;
}

/** Where a migration stands, for an operator. */
export interface MigrationStatus {
  readonly step: IdentityOrigin;
  readonly served: IdentityOrigin | undefined;
  readonly reason: string;
  /** How many roots the trust bundle has, and of these, how many each source has named; some are of both. */
  readonly roots: { readonly served: number } & Readonly<Record<IdentityOrigin, number>>;
  /** Peers that have the mounted roots alone trust each root of the CA; `undefined`: one of them is not known. */
  readonly areCaRootsMounted: boolean | undefined;
  readonly sources: Readonly<Record<IdentityOrigin, Omit<IdentityStatus, 'spiffeId'>>>;
}

/** What both sources trust. */
interface BundleUnion {
  readonly content: SecretContent;
  readonly served: number;
  readonly files: number;
  readonly ca: number;
  readonly areCaRootsMounted: boolean | undefined;
}

/** A CA that does not answer by then must not keep a valid mounted certificate from its Envoy. */
const FIRST_ANSWER_MS = 2000;

/** As for a root of the CA itself: streams that have not ACKed the bundle by then no longer delay the leaf. */
const DELIVERY_TIMEOUT_MS = 5000;

const ORIGINS = ['files', 'ca'] as const;

/**
 * The identity of a workload that moves from mounted files to a CA, or back: the trust bundle has the roots of both,
 * and the certificate of the other source is served once the streams have that bundle. Roots that were mounted stay
 * until the agent ends, whatever becomes of the files: peers may have leaves of them. Its owner closes it before its
 * sources.
 */
export class MigratingIdentity implements ServedIdentity {
  private served: OriginChoice = { origin: undefined, reason: 'first answer of the ca is awaited' };
  private union: BundleUnion | undefined;
  private readonly unions: Memo<[SecretContent | undefined, SecretContent | undefined], BundleUnion | undefined>;
  /** All streams have it, or have had the time for it. */
  private delivered: SecretContent | undefined;
  private toldCertificate: SecretContent | undefined;
  private isWaiting = false;
  private isFirstAnswerDue = true;
  private timer: ScheduledCall | undefined;
  private readonly ends: (() => void)[];
  private readonly listeners = new Set<(change: SvidChange) => void>();
  private readonly closing = new CancelSource();

  constructor(private readonly options: MigratingIdentityOptions) {
    const { files, ca, timers, now } = options;
    this.unions = new Memo((mounted, issued) => bundleUnion(mounted, issued, now()));
    const answered = (): void => {
      this.isFirstAnswerDue = false;
      this.judge();
    };
    this.ends = [files.onChange(() => this.judge()), ca.onChange(answered), ca.onRenewalFailure(answered)];
    if (ca.bundle() !== undefined || ca.status().failures > 0) answered();
    else void waitUntil(timers, now() + FIRST_ANSWER_MS, this.closing).then(answered);
  }

  get spiffeId(): SpiffeId {
    return this.options.spiffeId;
  }

  get trustDomain(): TrustDomain {
    return this.options.spiffeId.trustDomain;
  }

  certificate(): SecretContent | undefined {
    const { origin } = this.served;
    return origin && this.options[origin].certificate();
  }

  bundle(): SecretContent | undefined {
    return this.union?.content;
  }

  hasValidSvid(): boolean {
    return this.certificate() !== undefined;
  }

  onChange(listener: (change: SvidChange) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** The identity as it is served, with what the CA says of its renewals. */
  status(): IdentityStatus {
    const { origin = this.options.step } = this.served;
    const { svid, serial, notBeforeMs, notAfterMs, outageToleranceMs } = this.options[origin].status();
    const ca = this.options.ca.status();
    const spiffeId = this.spiffeId.toString();
    const [certificate, bundle] = [this.certificate(), this.bundle()];
    const held = certificate && bundle && { certificate, bundle };
    return { ...ca, spiffeId, svid, serial, notBeforeMs, notAfterMs, outageToleranceMs, held };
  }

  migration(): MigrationStatus {
    const { step, files, ca } = this.options;
    const { served, union } = this;
    const choice = this.choice();
    const isDelayed = choice.origin !== served.origin && choice.origin !== undefined;
    return {
      step,
      served: served.origin,
      reason: isDelayed ? 'streams have not acknowledged the trust bundle' : choice.reason,
      roots: { served: union?.served ?? 0, files: union?.files ?? 0, ca: union?.ca ?? 0 },
      areCaRootsMounted: union?.areCaRootsMounted,
      sources: { files: files.status(), ca: ca.status() },
    };
  }

  /** Safe to call twice. */
  close(): void {
    this.closing.cancel();
    this.timer?.cancel();
    for (const end of this.ends.splice(0)) end();
  }

  private facts(): MigrationFacts {
    const { step, files, ca } = this.options;
    const endOf = (source: OriginIdentity): number | undefined =>
      source.certificate() === undefined ? undefined : source.status().notAfterMs;
    return { step, isFirstAnswerDue: this.isFirstAnswerDue, endsMs: { files: endOf(files), ca: endOf(ca) } };
  }

  private choice(): OriginChoice {
    return chooseOrigin(this.facts(), this.options.now());
  }

  /** Goes over to what the sources, the streams and the clock allow now, and tells of what has changed by it. */
  private judge(): void {
    if (this.closing.isCancelled || this.isFirstAnswerDue) return;
    const { files, ca, now, timers } = this.options;
    const before = this.union?.content;
    const union = this.unions.of(files.bundle(), ca.bundle());
    const bundle = union !== undefined && union.content.version !== before?.version;
    if (union !== undefined) this.union = bundle || before === undefined ? union : { ...union, content: before };
    this.switchIfTrusted();
    const certificate = this.certificate();
    const isNew = certificate !== undefined && certificate !== this.toldCertificate;
    this.toldCertificate = certificate;
    if (bundle || isNew) for (const listener of this.listeners) listener({ certificate: isNew, bundle });
    if (this.union !== undefined && this.union.content !== this.delivered && !this.isWaiting) void this.deliver();
    this.timer?.cancel();
    const nextMs = nextChoiceMs(this.facts(), now());
    this.timer = nextMs === undefined ? undefined : timers.schedule(nextMs, () => this.judge());
  }

  /** With nothing valid to serve there is nothing to lose. */
  private switchIfTrusted(): void {
    const choice = this.choice();
    const isDelivered = this.union?.content === this.delivered;
    if (choice.origin === this.served.origin) this.served = choice;
    else if (choice.origin !== undefined && (isDelivered || this.certificate() === undefined)) this.switchTo(choice);
  }

  private switchTo(choice: OriginChoice): void {
    const { metrics, logger, spiffeId } = this.options;
    const { origin, reason } = choice;
    this.served = choice;
    for (const one of ORIGINS) metrics.gauge(Metric.identitySource, { source: one }).set(Number(one === origin));
    const fields = { [Field.spiffeId]: spiffeId.toString(), [Field.source]: origin, [Field.reason]: reason };
    logger.info('identity source changed', fields);
    if (origin !== 'ca' || this.union?.areCaRootsMounted !== false) return;
    logger.warn('peers with the mounted roots alone do not trust the certificate of the ca', fields);
  }

  /** Waits until the streams have the bundle, and meanwhile another one if there is. Never rejects. */
  private async deliver(): Promise<void> {
    const { delivery, now } = this.options;
    this.isWaiting = true;
    while (this.union !== undefined && this.delivered !== this.union.content && !this.closing.isCancelled) {
      const { content } = this.union;
      const { notAfterMs = now() } = this.status();
      // The certificate that is served must not expire meanwhile.
      const timeoutMs = Math.min(DELIVERY_TIMEOUT_MS, Math.max(0, notAfterMs - now()) / 2);
      await delivery.delivered(content, { timeoutMs, signal: this.closing });
      this.delivered = content;
    }
    this.isWaiting = false;
    this.judge();
  }
}

/** The content of one of the two where that has all roots: then nothing is pushed for nothing. */
function bundleUnion(
  mounted: SecretContent | undefined,
  issued: SecretContent | undefined,
  nowMs: number,
): BundleUnion | undefined {
  if (mounted === undefined && issued === undefined) return undefined;
  const pems = [issued, mounted].map((content) => content && trustedCaOf(content.body));
  const [ca, files] = pems.map((pem) => pem && TrustBundle.parsePem(pem));
  const all = TrustBundle.parsePem(Buffer.concat(pems.flatMap((pem) => pem ?? [])));
  const usable = all.usableAt(nowMs) ?? all;
  const counts = { served: usable.size, files: files?.size ?? 0, ca: ca?.size ?? 0 };
  const areCaRootsMounted = files && ca && all.size === files.size;
  const whole = mounted !== undefined && files?.equals(usable) ? mounted : ca?.equals(usable) ? issued : undefined;
  const content = whole ?? new SecretContent('validation-context', encodeValidationContext(usable.toPem()));
  return { content, ...counts, areCaRootsMounted };
}
