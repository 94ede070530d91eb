import { CancelSource } from '../../cancellation/index.js';
import { type ErrorCode, type FailureRecord, failureRecord, IdentityError } from '../../errors/index.js';
import type { KeyReserve } from '../../hotpath/index.js';
import { claimsText } from '../../pki/service-account/index.js';
import type { SpiffeId, TrustDomain } from '../../pki/spiffe/index.js';
import { Field, type LogFields, type Logger, type Span } from '../../telemetry/index.js';
import {
  attemptTimeoutMs,
  planRenewal,
  type RenewalPolicy,
  type ScheduledCall,
  type WallClockTimers,
} from '../../timers/index.js';
import { type BundleDelivery, DeliveryByTime } from './bundle-delivery.js';
import { BundleInterner } from './bundle-interner.js';
import type { BundleListener, BundleNews } from './bundle-news.js';
import type { RefusalGrounds, TokenSource } from './certificate-issuer.js';
import { failureOf } from './failure-kind.js';
import type { IdentityHistory } from './identity-history.js';
import { type IdentityStatus, identityStatus } from './identity-status.js';
import type { IssuanceTraces } from './issuance-traces.js';
import { advance, INITIAL_LIFECYCLE, isWorthLogging, type Lifecycle, type LifecycleEvent } from './lifecycle.js';
import { isTooShortToReplace } from './replacement.js';
import type { SecretContent } from './secret-content.js';
import type { ServedLeaves } from './served-leaves.js';
import type { IssuedSvid, SvidIssuance } from './svid-issuance.js';
import { type SvidChange, SvidPublisher } from './svid-publisher.js';

/** What all identities of an agent have in common. */
export interface IdentityDependencies {
  readonly issuance: SvidIssuance;
  readonly timers: WallClockTimers;
  /** Who knows when a trust bundle has come everywhere; left out, only time tells. */
  readonly delivery?: BundleDelivery;
  /** Left out, each identity holds a bundle of its own. */
  readonly bundles?: BundleInterner;
  /** Trust bundles that come without a certificate; left out, none do. */
  readonly bundleNews?: BundleNews;
  /** What makes a refused request worth another try at once; left out, only time and the token do. */
  readonly grounds?: RefusalGrounds;
  /** How many identities ask the CA: they share the rate of requests that are refused. Left out, it is one. */
  readonly crowd?: () => number;
  /** What keeps the recent past; left out, nothing does. */
  readonly history?: IdentityHistory | undefined;
  /** Left out, nothing is traced. */
  readonly traces?: IssuanceTraces | undefined;
  /** Is told which key has signed what is served. */
  readonly leaves?: Pick<ServedLeaves, 'served'> | undefined;
  /** When to renew; left out, at half of the life. */
  readonly renewal?: RenewalPolicy;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
}

/** Whose identity it is. */
export interface Workload {
  readonly spiffeId: SpiffeId;
  /** The token of renewals. */
  readonly token: TokenSource;
  /** Stands in each log line, where several workloads have one SPIFFE ID. */
  readonly logFields?: LogFields;
}

/** Failures for what the token says. */
const ABOUT_TOKENS: ReadonlySet<ErrorCode> = new Set(['ERR_CA_REFUSED_TOKEN', 'ERR_TOKEN_EXPIRED']);

/**
 * One workload's SVID, kept fresh. At most one renewal is under way; a failed one leaves the held SVID alone and is
 * tried again, densely towards its end.
 */
export class WorkloadIdentity implements BundleListener {
  private state: Lifecycle = INITIAL_LIFECYCLE;
  private lastFailure: FailureRecord | undefined;
  /** By the life of the last SVID that came. */
  private survivesOutage = true;
  /** Whether the last failure found no valid SVID, which was told then. */
  private isEndTold = false;
  /** When the last SVID is of no use any more, its issuers counted; epoch milliseconds. */
  private issuersEndMs = 0;
  private renewal: Promise<void> | undefined;
  private timer: ScheduledCall | undefined;
  /** By the last lists that came, for a certificate that was on its way meanwhile. */
  private isNextRevoked: ((serial: string) => boolean) | undefined;
  /** Of the last certificate that was found to be revoked. */
  private revokedSerial: string | undefined;
  /** What is planned has become due: the timer knows, the clock may have been set back. */
  private isDue = false;
  private readonly published: SvidPublisher;
  /** While the last answer was a refusal: no longer listens for what may lift it. */
  private readonly unwatch: (() => void)[] = [];
  private readonly failureListeners = new Set<(error: unknown) => void>();
  private readonly closing = new CancelSource();
  private readonly keys: KeyReserve;

  constructor(
    private readonly surroundings: IdentityDependencies,
    private readonly workload: Workload,
  ) {
    const { issuance, timers, now, logger, traces, leaves } = surroundings;
    const { delivery = new DeliveryByTime(timers, now), bundles = new BundleInterner() } = surroundings;
    this.keys = issuance.keysOf(workload.spiffeId);
    const shared = { timers, now, logger, delivery, bundles, traces, leaves };
    this.published = new SvidPublisher({ ...shared, logFields: this.logFields() });
    surroundings.bundleNews?.add(this);
    this.published.onChange(({ certificate }) => certificate && this.lookAtNext());
    const { history } = surroundings;
    if (history !== undefined) {
      this.published.onChange((change) => {
        const { held } = this.published;
        if (held !== undefined) history.served(this, held, change);
      });
    }
  }

  /** Issues the first SVID now, before the first request, and keeps it fresh from then on. */
  start(): void {
    this.renew();
  }

  get spiffeId(): SpiffeId {
    return this.workload.spiffeId;
  }

  get trustDomain(): TrustDomain {
    return this.workload.spiffeId.trustDomain;
  }

  /** The certificate with its key: `undefined` before the first issue and after the end of the last one. */
  certificate(): SecretContent | undefined {
    return this.hasValidSvid() ? this.published.held?.certificate : undefined;
  }

  /** The trust bundle: the last good one, even when the leaf has ended. */
  bundle(): SecretContent | undefined {
    return this.published.held?.bundle;
  }

  /** For the news. */
  readToken(): Promise<Buffer> {
    return this.workload.token.read();
  }

  /** For the news. */
  takeBundle(bundleBody: Buffer): void {
    this.published.takeBundle(bundleBody);
  }

  /**
   * For the news. Once for each certificate: a refusal is tried again as any other. The next certificate is looked at,
   * too, since it may be on its way; not those behind it, or a CA of revoked ones would be asked without end.
   */
  replaceIfRevoked(isRevoked: (serial: string) => boolean): void {
    this.isNextRevoked = isRevoked;
    this.replaceRevoked(isRevoked);
  }

  private lookAtNext(): void {
    const isRevoked = this.isNextRevoked;
    this.isNextRevoked = undefined;
    if (isRevoked !== undefined) this.replaceRevoked(isRevoked);
  }

  private replaceRevoked(isRevoked: (serial: string) => boolean): void {
    const serial = this.published.held?.serial;
    if (serial === undefined || serial === this.revokedSerial || this.closing.isCancelled || !isRevoked(serial)) return;
    this.revokedSerial = serial;
    this.surroundings.logger.warn('the certificate is revoked, asking for another one', {
      ...this.logFields(),
      [Field.serial]: serial,
    });
    // The renewal that has brought it may not have ended yet.
    this.isDue = true;
    this.renew();
  }

  hasValidSvid(): boolean {
    return this.published.isValid();
  }

  status(): IdentityStatus {
    const { lastFailure } = this;
    const { surviveOutageMs } = this.surroundings.renewal ?? {};
    const survivesOutage = surviveOutageMs === undefined ? undefined : this.survivesOutage;
    const token = this.workload.token.claims?.();
    const facts = { held: this.published.held, lifecycle: this.state, lastFailure, survivesOutage, token };
    return identityStatus(this.workload.spiffeId.toString(), facts, this.surroundings.now());
  }

  /** Calls `listener` after each change, until the result is called. */
  onChange(listener: (change: SvidChange) => void): () => void {
    return this.published.onChange(listener);
  }

  /** Calls `listener` with the error of each renewal that failed, until the result is called. */
  onRenewalFailure(listener: (error: unknown) => void): () => void {
    this.failureListeners.add(listener);
    return () => void this.failureListeners.delete(listener);
  }

  /**
   * Publishes an SVID of this identity, which was asked for at `startedAtMs`, and keeps it fresh from then on: also one
   * that was issued elsewhere, in the proof of a stream's token. Owns its bytes. It is only wiped after {@link close},
   * and when it is worse than what is held: the token has been proven all the same.
   */
  adopt(sealed: IssuedSvid, startedAtMs: number): void {
    if (this.closing.isCancelled || this.isTooShort(sealed)) sealed.certificateBody.fill(0);
    else this.publish(sealed, startedAtMs);
  }

  /** Ends the CSR in flight and all timers. Held secrets stay readable for streams that are still open. */
  async close(): Promise<void> {
    this.closing.cancel();
    this.surroundings.bundleNews?.delete(this);
    this.keys.close();
    this.timer?.cancel();
    this.stopWatching();
    this.published.close();
    await this.renewal;
  }

  /** Overwrites what is held. Only after {@link close}, when no stream can ask for it any more. */
  wipe(): void {
    this.published.wipe();
  }

  private renew(): void {
    this.renewal ??= this.renewNow().finally(() => {
      this.renewal = undefined;
      // The time of the next one may have come while this one was still under way.
      if (this.isDue && !this.closing.isCancelled && this.state.activity.kind === 'waiting') this.renew();
    });
  }

  /** Never rejects. */
  private async renewNow(): Promise<void> {
    const { issuance, now, traces } = this.surroundings;
    const { spiffeId, token, logFields } = this.workload;
    const { closing: signal, keys } = this;
    const startedAtMs = now();
    this.step({ kind: 'begun' });
    // An SVID that is adopted meanwhile plans a renewal of its own, and makes this one needless if it has not begun.
    const isWanted = (): boolean => !this.closing.isCancelled && this.state.activity.kind === 'issuing';
    const span = traces?.begin(spiffeId, 'renewal', podUidOf(logFields));
    try {
      const attemptMs = attemptTimeoutMs(this.state.notAfterMs - startedAtMs);
      const request = { spiffeId, token, precedence: 'renewal', signal, isWanted, keys, attemptMs, span } as const;
      await issuance.obtain(request, (sealed) => {
        const isTooShort = this.isTooShort(sealed);
        this.adopt(sealed, startedAtMs);
        if (isTooShort) throw this.tooShort(sealed);
      });
    } catch (error) {
      if (isWanted()) this.renewalFailed(error, span);
    }
  }

  private isTooShort(issued: IssuedSvid): boolean {
    return isTooShortToReplace(this.state.notAfterMs, usefulUntilMs(issued), this.surroundings.now());
  }

  private tooShort(issued: IssuedSvid): IdentityError {
    const [got, held] = [usefulUntilMs(issued), this.state.notAfterMs].map((endMs) => new Date(endMs).toISOString());
    return new IdentityError(
      'ERR_SVID_NOT_VALID_NOW',
      `leaf validity: got an end at ${got}, expected one a minute from now or behind that of the certificate that is held, ${held}`,
    );
  }

  private publish(sealed: IssuedSvid, startedAtMs: number): void {
    const { now, random, renewal } = this.surroundings;
    const notAfterMs = usefulUntilMs(sealed);
    const window = { receivedAtMs: now(), notBeforeMs: sealed.notBeforeMs, notAfterMs };
    const { rotateAtMs, survivesOutage } = planRenewal(window, random(), renewal);
    this.stopWatching();
    this.step({ kind: 'issued', notAfterMs, rotateAtMs });
    if (notAfterMs < sealed.notAfterMs && notAfterMs !== this.issuersEndMs) this.warnOfIssuers(sealed, rotateAtMs);
    this.issuersEndMs = notAfterMs;
    if (!survivesOutage && this.survivesOutage) this.warnOfOutage(notAfterMs, rotateAtMs);
    this.survivesOutage = survivesOutage;
    const { issuerKey, span } = sealed;
    this.published.publish({ sealed, rotateAtMs, startedAtMs, issuerKey, span });
  }

  private renewalFailed(error: unknown, span: Span | undefined): void {
    const { now, random, crowd } = this.surroundings;
    const nowMs = now();
    const { kind, notSoonerMs } = failureOf(error);
    this.lastFailure = failureRecord(error, nowMs);
    this.step({ kind: 'failed', nowMs, draw: random(), failure: kind, crowd: crowd?.() ?? 1, notSoonerMs });
    this.logFailure(this.lastFailure, span?.traceId);
    this.surroundings.history?.failed(this.spiffeId.toString(), this.lastFailure, this.state.failures);
    for (const listener of this.failureListeners) listener(error);
    if (kind === 'refused') this.watchGrounds();
  }

  /** Until an SVID comes: what changes while a CSR is in flight counts, too. */
  private watchGrounds(): void {
    if (this.unwatch.length > 0 || this.closing.isCancelled) return;
    const changed = (): void => this.step({ kind: 'changed', nowMs: this.surroundings.now() });
    for (const watched of [this.surroundings.grounds, this.workload.token]) {
      const stop = watched?.onChange?.(changed);
      if (stop !== undefined) this.unwatch.push(stop);
    }
  }

  private stopWatching(): void {
    for (const stop of this.unwatch.splice(0)) stop();
  }

  private step(event: LifecycleEvent): void {
    this.state = advance(this.state, event);
    if (this.state.activity.kind !== 'waiting' || this.closing.isCancelled) return;
    this.timer?.cancel();
    this.isDue = false;
    this.timer = this.surroundings.timers.schedule(this.state.activity.untilMs, () => {
      this.isDue = true;
      this.renew();
    });
    this.keys.stock();
  }

  private logFailure({ code, message }: FailureRecord, traceId: string | undefined): void {
    const { logger } = this.surroundings;
    const { held } = this.published;
    const claims = this.workload.token.claims?.();
    const fields = {
      ...this.logFields(),
      [Field.code]: code,
      [Field.error]: message,
      [Field.attempt]: this.state.failures,
      [Field.traceId]: traceId,
      ...(held && { [Field.notAfter]: new Date(held.notAfterMs).toISOString() }),
      // What is to be compared with what the CA accepts: its answer does not say which of them is wrong.
      ...(claims && ABOUT_TOKENS.has(code) && { [Field.tokenClaims]: claimsText(claims) }),
    };
    const isValid = this.hasValidSvid();
    // The first failure behind the end of the SVID is worth a line, whichever in the row it is.
    const isEnd = !isValid && !this.isEndTold;
    this.isEndTold = !isValid;
    if (this.waitsForToken(code)) this.tellWait(fields);
    else if (!isEnd && !isWorthLogging(this.state.failures)) logger.debug('svid renewal failed', fields);
    else if (isValid) logger.warn('svid renewal failed', fields);
    else logger.error('no valid svid', fields);
  }

  /** As happens at the end of each token that an Envoy brings; no fault, while what is held is valid. */
  private waitsForToken(code: ErrorCode): boolean {
    const isWithoutToken = code === 'ERR_TOKEN_EXPIRED' || code === 'ERR_TOKEN_MISSING';
    return isWithoutToken && this.hasValidSvid() && this.workload.token.isExpected?.() === true;
  }

  private tellWait(fields: LogFields): void {
    const { logger } = this.surroundings;
    const level = this.state.failures === 1 ? 'info' : 'debug';
    logger[level]('svid renewal waits for the next token of a stream', fields);
  }

  /** Once for each end of them. */
  private warnOfIssuers({ serial, notAfterMs, issuersEndMs }: IssuedSvid, rotateAtMs: number): void {
    this.surroundings.logger.warn('an issuer of the certificate expires before it', {
      ...this.logFields(),
      [Field.serial]: serial,
      [Field.notAfter]: new Date(notAfterMs).toISOString(),
      [Field.issuerNotAfter]: new Date(issuersEndMs).toISOString(),
      [Field.rotateAt]: new Date(rotateAtMs).toISOString(),
    });
  }

  /** Once, until a life is long enough again. */
  private warnOfOutage(notAfterMs: number, rotateAtMs: number): void {
    const { logger, renewal, now } = this.surroundings;
    logger.warn('the life of the certificate is too short for the ca outage that is to be survived', {
      ...this.logFields(),
      [Field.surviveOutageMs]: renewal?.surviveOutageMs,
      [Field.ttlMs]: notAfterMs - now(),
      [Field.notAfter]: new Date(notAfterMs).toISOString(),
      [Field.rotateAt]: new Date(rotateAtMs).toISOString(),
    });
  }

  private logFields(): LogFields {
    return { [Field.spiffeId]: this.workload.spiffeId.toString(), ...this.workload.logFields };
  }
}

/** Peers refuse a leaf whose issuer has expired, whatever the leaf itself says. Epoch milliseconds. */
function usefulUntilMs({ notAfterMs, issuersEndMs }: IssuedSvid): number {
  return Math.min(notAfterMs, issuersEndMs);
}

function podUidOf(fields: LogFields | undefined): string | undefined {
  const podUid = fields?.[Field.podUid];
  return typeof podUid === 'string' ? podUid : undefined;
}
