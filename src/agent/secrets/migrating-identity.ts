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
  type MigrationStep,
  nextChoiceMs,
  type OriginChoice,
  SecretContent,
  type SvidChange,
  wantedOrigin,
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
  /** The one to start with; {@link MigratingIdentity.goTo} takes another. */
  readonly step: MigrationStep;
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
  readonly step: MigrationStep;
  /** Since when this agent is at the step, in epoch milliseconds. */
  readonly stepSinceMs: number;
  readonly served: IdentityOrigin | undefined;
  readonly reason: string;
  /** How many roots the trust bundle has, and of these, how many each source has named; some are of both. */
  readonly roots: RootsOf<number>;
  /** SHA-256 of the same roots, in hexadecimal: what tells which peers trust which certificates. */
  readonly rootFingerprints: RootsOf<readonly string[]>;
  /** Peers that have the mounted roots alone trust each root of the CA; `undefined`: one of them is not known. */
  readonly areCaRootsMounted: boolean | undefined;
  readonly sources: Readonly<Record<IdentityOrigin, Omit<IdentityStatus, 'spiffeId'>>>;
}

type RootsOf<T> = Readonly<Record<'served' | IdentityOrigin, T>>;

/** What is trusted: at the last step what the CA names, before it what both sources do. */
interface ServedBundle {
  readonly content: SecretContent;
  readonly roots: RootsOf<TrustBundle | undefined>;
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
 * until the last step, whatever becomes of the files: peers may have leaves of them. Its owner closes it before its
 * sources.
 */
export class MigratingIdentity implements ServedIdentity {
  private served: OriginChoice = { origin: undefined, reason: 'first answer of the ca is awaited' };
  private trusted: ServedBundle | undefined;
  private readonly bundles: Memo<BundleInputs, ServedBundle | undefined>;
  private step: MigrationStep;
  private stepSinceMs: number;
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
    const { files, ca, timers, now, step } = options;
    this.bundles = new Memo((...inputs) => servedBundle(...inputs, now()));
    this.step = step;
    this.stepSinceMs = now();
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
    return this.trusted?.content;
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
    const { origin = wantedOrigin(this.step) } = this.served;
    const { svid, serial, notBeforeMs, notAfterMs, outageToleranceMs } = this.options[origin].status();
    const ca = this.options.ca.status();
    const spiffeId = this.spiffeId.toString();
    const [certificate, bundle] = [this.certificate(), this.bundle()];
    const held = certificate && bundle && { certificate, bundle };
    return { ...ca, spiffeId, svid, serial, notBeforeMs, notAfterMs, outageToleranceMs, held };
  }

  /** Takes another step, forward or back: the bundle goes first, and the certificate when the streams have it. */
  goTo(step: MigrationStep): void {
    if (step === this.step) return;
    const { logger, now, spiffeId } = this.options;
    const fields = { [Field.previous]: this.step, [Field.step]: step, [Field.spiffeId]: spiffeId.toString() };
    this.step = step;
    this.stepSinceMs = now();
    logger.info('migration step taken', fields);
    this.judge();
  }

  migration(): MigrationStatus {
    const { files, ca } = this.options;
    const { served, step, stepSinceMs, trusted } = this;
    const choice = this.choice();
    const isDelayed = choice.origin !== served.origin && choice.origin !== undefined;
    return {
      step,
      stepSinceMs,
      served: served.origin,
      reason: isDelayed ? 'streams have not acknowledged the trust bundle' : choice.reason,
      roots: rootsOf(trusted, (bundle) => bundle?.size ?? 0),
      rootFingerprints: rootsOf(trusted, (bundle) => bundle?.fingerprints() ?? []),
      areCaRootsMounted: trusted?.areCaRootsMounted,
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
    const { files, ca } = this.options;
    const { step } = this;
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
    const before = this.trusted?.content;
    const trusted = this.bundles.of(files.bundle(), ca.bundle(), this.step);
    const bundle = trusted !== undefined && trusted.content.version !== before?.version;
    if (trusted !== undefined) {
      this.trusted = bundle || before === undefined ? trusted : { ...trusted, content: before };
    }
    this.switchIfTrusted();
    const certificate = this.certificate();
    const isNew = certificate !== undefined && certificate !== this.toldCertificate;
    this.toldCertificate = certificate;
    if (bundle || isNew) for (const listener of this.listeners) listener({ certificate: isNew, bundle });
    if (this.trusted !== undefined && this.trusted.content !== this.delivered && !this.isWaiting) void this.deliver();
    this.timer?.cancel();
    const nextMs = nextChoiceMs(this.facts(), now());
    this.timer = nextMs === undefined ? undefined : timers.schedule(nextMs, () => this.judge());
  }

  /** With nothing valid to serve there is nothing to lose. */
  private switchIfTrusted(): void {
    const choice = this.choice();
    const isDelivered = this.trusted?.content === this.delivered;
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
    if (origin !== 'ca' || this.trusted?.areCaRootsMounted !== false) return;
    logger.warn('peers with the mounted roots alone do not trust the certificate of the ca', fields);
  }

  /** Waits until the streams have the bundle, and meanwhile another one if there is. Never rejects. */
  private async deliver(): Promise<void> {
    const { delivery, now } = this.options;
    this.isWaiting = true;
    while (this.trusted !== undefined && this.delivered !== this.trusted.content && !this.closing.isCancelled) {
      const { content } = this.trusted;
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

type BundleInputs = [mounted: SecretContent | undefined, issued: SecretContent | undefined, step: MigrationStep];

/** The content of one of the two where that has all roots: then nothing is pushed for nothing. */
function servedBundle(...[mounted, issued, step, nowMs]: [...BundleInputs, number]): ServedBundle | undefined {
  if ((step === 'ca-only' || mounted === undefined) && issued === undefined) return undefined;
  const pems = [issued, mounted].map((content) => content && trustedCaOf(content.body));
  const [ca, files] = pems.map((pem) => pem && TrustBundle.parsePem(pem));
  const all = TrustBundle.parsePem(Buffer.concat(pems.flatMap((pem) => pem ?? [])));
  const areCaRootsMounted = files && ca && all.size === files.size;
  const served = step === 'ca-only' && ca !== undefined ? ca : all;
  const usable = served.usableAt(nowMs) ?? served;
  const whole = mounted !== undefined && files?.equals(usable) ? mounted : ca?.equals(usable) ? issued : undefined;
  const content = whole ?? new SecretContent('validation-context', encodeValidationContext(usable.toPem()));
  return { content, roots: { served: usable, files, ca }, areCaRootsMounted };
}

function rootsOf<T>(trusted: ServedBundle | undefined, read: (bundle: TrustBundle | undefined) => T): RootsOf<T> {
  const { served, files, ca } = trusted?.roots ?? {};
  return { served: read(served), files: read(files), ca: read(ca) };
}
