import { CancelSource } from '../../cancellation/index.js';
import { type FailureRecord, failureRecord, IdentityError } from '../../errors/index.js';
import type { TrustBundle } from '../../pki/spiffe/index.js';
import { Field, Metric, type MetricRegistry, type RateLimitedLogger } from '../../telemetry/index.js';
import type { ScheduledCall, WallClockTimers } from '../../timers/index.js';
import { nextFetchMs } from './fetch-schedule.js';
import { parseSpiffeBundle, type SpiffeBundle } from './spiffe-bundle.js';

export interface BundleEndpointOptions {
  readonly trustDomain: string;
  /** For the log. */
  readonly url: string;
  /** One fetch of the document. */
  readonly fetch: (signal: CancelSource) => Promise<Buffer>;
  /** Is called with each good document, and when a root has expired. */
  readonly onRoots: () => void;
  readonly timers: WallClockTimers;
  readonly log: RateLimitedLogger;
  readonly metrics: MetricRegistry;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** How an endpoint stands, for an operator. */
export interface EndpointStatus {
  readonly url: string;
  readonly sequence: number | undefined;
  /** When its document was last fetched and found good, in epoch milliseconds. */
  readonly fetchedAtMs: number | undefined;
  /** Epoch milliseconds. */
  readonly nextFetchMs: number | undefined;
  /** Since the last good document. */
  readonly lastFailure: FailureRecord | undefined;
}

/**
 * The trust bundle of one trust domain by its endpoint, fetched again and again. What cannot be fetched, is no bundle,
 * or is older than the last one, does not replace what was good.
 */
export class BundleEndpoint {
  private document: SpiffeBundle | undefined;
  #roots: TrustBundle | undefined;
  private fetchedAtMs: number | undefined;
  private failures = 0;
  private lastFailure: EndpointStatus['lastFailure'];
  private next: { readonly atMs: number; readonly call: ScheduledCall } | undefined;
  private expiry: ScheduledCall | undefined;
  private fetching: Promise<void> | undefined;
  private readonly closing = new CancelSource();

  constructor(private readonly options: BundleEndpointOptions) {}

  /** Without what has expired; `undefined` as long as no document was good. */
  get roots(): TrustBundle | undefined {
    return this.#roots;
  }

  get status(): EndpointStatus {
    const { document, fetchedAtMs, lastFailure, next, options } = this;
    return { url: options.url, sequence: document?.sequence, fetchedAtMs, nextFetchMs: next?.atMs, lastFailure };
  }

  /** Fetches now: at the start, and when what its server is verified by has changed. */
  fetchNow(): void {
    if (this.closing.isCancelled) return;
    this.fetching ??= this.fetchOnce().finally(() => {
      this.fetching = undefined;
    });
  }

  /** Takes any document for a newer one next time: a trust domain that has been set up again counts from 1. */
  forgetSequence(): void {
    if (this.document !== undefined) this.document = { ...this.document, sequence: undefined };
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    this.closing.cancel();
    this.next?.call.cancel();
    this.expiry?.cancel();
    await this.fetching;
  }

  /** Never rejects. */
  private async fetchOnce(): Promise<void> {
    const { fetch, now, random, timers } = this.options;
    this.next?.call.cancel();
    try {
      this.take(parseSpiffeBundle(await fetch(this.closing)));
      this.failures = 0;
    } catch (error) {
      if (this.closing.isCancelled) return;
      this.failed(error);
    }
    const hintMs = this.document?.refreshHintMs;
    const atMs = now() + nextFetchMs({ hintMs, failures: this.failures }, random());
    this.next = { atMs, call: timers.schedule(atMs, () => this.fetchNow()) };
  }

  /** @throws IdentityError `ERR_BUNDLE_INVALID`: all its roots have expired, or it is an older one. */
  private take(document: SpiffeBundle): void {
    const { now, log, trustDomain, url } = this.options;
    const known = this.document?.sequence;
    if (known !== undefined && document.sequence !== undefined && document.sequence < known)
      throw invalid(`spiffe_sequence ${document.sequence}`, `${known} or more, as it had before`);
    const usable = document.roots.usableAt(now());
    if (usable === undefined) throw invalid('only expired certificates', 'one that is valid');
    const isNews = this.#roots?.equals(usable) !== true;
    this.document = document;
    this.fetchedAtMs = now();
    this.lastFailure = undefined;
    this.count('OK');
    this.options.metrics.gauge(Metric.federatedBundleFetched, { trust_domain: trustDomain }).set(now() / 1000);
    this.serve(usable);
    if (!isNews) return;
    const { sequence } = document;
    const fields = { [Field.trustDomain]: trustDomain, [Field.address]: url, [Field.bundleSize]: usable.size };
    log.info('federated bundle fetched', { ...fields, [Field.version]: sequence });
  }

  private serve(usable: TrustBundle): void {
    this.#roots = usable;
    this.expiry?.cancel();
    this.expiry = this.options.timers.schedule(usable.firstNotAfterMs + 1, () => this.dropExpired());
    this.options.onRoots();
  }

  /** The last ones stay: a bundle is never empty. */
  private dropExpired(): void {
    const usable = this.document?.roots.usableAt(this.options.now());
    if (usable !== undefined && !this.closing.isCancelled) this.serve(usable);
  }

  private failed(error: unknown): void {
    const { now, log, trustDomain, url } = this.options;
    const failure = failureRecord(error, now());
    const { code, message } = failure;
    this.failures += 1;
    this.lastFailure = failure;
    this.count(code);
    log.warn(
      this.#roots === undefined
        ? 'federated bundle not fetched'
        : 'federated bundle not fetched, the last good one stays',
      { [Field.trustDomain]: trustDomain, [Field.address]: url, [Field.code]: code, [Field.error]: message },
      trustDomain,
    );
  }

  private count(code: string): void {
    const { metrics, trustDomain } = this.options;
    metrics.counter(Metric.federatedBundleFetches, { trust_domain: trustDomain, code }).add();
  }
}

function invalid(got: string, expected: string): IdentityError {
  return new IdentityError('ERR_BUNDLE_INVALID', `SPIFFE bundle: got ${got}, expected ${expected}`);
}
