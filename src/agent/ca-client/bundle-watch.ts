import type { CancelSignal } from '../../cancellation/index.js';
import { errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
import { TrustBundle } from '../../pki/spiffe/index.js';
import { cutCertificates } from '../../pki/x509/index.js';
import { Field, type Logger, Metric, type MetricRegistry } from '../../telemetry/index.js';
import { sleep } from '../../timers/index.js';
import { MAX_BUNDLE_CHARS, MAX_ROOTS } from './answer-form.js';
import type { BundleAnswer, KnownVersions } from './bundle-codec.js';

/** What a CA did with a call for its bundle. */
export type BundleOutcome =
  | ({ readonly kind: 'answered' } & BundleAnswer)
  /** It is another product, or an older one. */
  | { readonly kind: 'not-offered' }
  | { readonly kind: 'failed'; readonly error: IdentityError };

export interface BundleWatchOptions {
  readonly address: string;
  /** One call, which the CA may hold for minutes. Never rejects. */
  readonly ask: (known: KnownVersions) => Promise<BundleOutcome>;
  /** The last good bundle of this CA, wherever it is from. */
  readonly current: () => Buffer | undefined;
  /** Is called with a bundle that differs from that: CA certificates, one of which has not expired. */
  readonly take: (bundlePem: Buffer) => void;
  /** Is called with revocation lists that are others, in PEM: `undefined` when the CA gives none at all. */
  readonly takeLists: (pem: Buffer | undefined) => void;
  readonly closing: CancelSignal;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** Between two calls. */
  readonly pause?: (delayMs: number, closing: CancelSignal) => Promise<void>;
}

/** The first call is somewhere within this: thousands of agents may have started together. */
const FIRST_WITHIN_MS = 30_000;

/**
 * Between the beginnings of two calls: a CA that names other roots in each answer makes work no more often. A bundle
 * costs some 20 ms to read at most.
 */
const FLOOR_MS = 10_000;

/**
 * Behind an answer with other revocation lists: what is revoked must not wait. Twice as long from one such answer to
 * the next, up to {@link FLOOR_MS}, until a call was held for longer than that.
 */
const LISTS_FLOOR_MS = 250;

/**
 * Behind other roots: the next call tells which Envoys have not acknowledged them, and a CA that hears of some leaves a
 * change of the root alone for half a minute.
 */
const SETTLE_MS = 2000;

/** When a CA without the method is asked again, at the latest: it may have been replaced. */
const NOT_OFFERED_MS = 2 * 3_600_000;

/** Behind a failure: twice as long each time. Citadel ends the calls that it holds when it restarts. */
const FAILED_FIRST_MS = FLOOR_MS;
const FAILED_CAP_MS = 10 * 60_000;

/** A CA may want to be left alone for a while, and not for ever. */
const ASK_AGAIN_CAP_MS = 3_600_000;

/**
 * Keeps the trust bundle of one CA up to date without asking for certificates, where the CA has a method for that.
 * Nothing of it is ever a failure of the agent: with each certificate the CA names its roots anyway.
 */
export class BundleWatch {
  private known: { readonly version: string; readonly bundlePem: Buffer } | undefined;
  private knownLists = '';
  private hasHeardOfLists = false;
  private hadOtherLists = false;
  private listsFloorMs = LISTS_FLOOR_MS;
  private failures = 0;
  #checkedMs: number | undefined;

  constructor(private readonly options: BundleWatchOptions) {}

  /** When the CA last named its roots, or said that they are the same, in epoch milliseconds. */
  get checkedMs(): number | undefined {
    return this.#checkedMs;
  }

  /** Asks again and again until the client closes. Never rejects. */
  async run(): Promise<void> {
    const { closing, random, now, pause = sleepUntilClosed } = this.options;
    // Shown from the beginning, at zero: a series that appears with its first count has lost that one for a rate.
    this.count('OK', 0);
    await pause(random() * FIRST_WITHIN_MS, closing);
    while (!closing.isCancelled) {
      const beganMs = now();
      const waitMs = await this.askOnce();
      // The distance, not the order: a clock that was set back must not stop us.
      const passedMs = Math.abs(now() - beganMs);
      const leastMs = this.floorAfter(passedMs);
      const floorMs = leastMs - Math.min(leastMs, passedMs);
      if (!closing.isCancelled) await pause(Math.max(waitMs, floorMs), closing);
    }
  }

  /** Between the beginnings of this call and the next. */
  private floorAfter(passedMs: number): number {
    if (passedMs > FLOOR_MS) this.listsFloorMs = LISTS_FLOOR_MS;
    if (!this.hadOtherLists) return FLOOR_MS;
    this.hadOtherLists = false;
    const floorMs = this.listsFloorMs;
    this.listsFloorMs = Math.min(FLOOR_MS, 2 * floorMs);
    return floorMs;
  }

  /** How long to wait then, in milliseconds. */
  private async askOnce(): Promise<number> {
    const { ask, random, closing, current } = this.options;
    const outcome = await ask({ bundle: this.knownVersion(), lists: this.knownLists });
    if (closing.isCancelled) return 0;
    switch (outcome.kind) {
      case 'answered': {
        const before = current();
        const error = this.refusalOf(outcome);
        if (error !== undefined) return this.failed(error);
        this.failures = 0;
        this.noteLists(outcome);
        this.count('OK');
        const askAgainMs = Math.min(ASK_AGAIN_CAP_MS, outcome.askAgainMs);
        const settleMs = current() === before ? 0 : SETTLE_MS;
        return Math.max(settleMs, askAgainMs * (0.75 + random() / 4));
      }
      case 'not-offered':
        this.noteLists({});
        this.options.logger.debug('ca has no method for its trust bundle', { [Field.address]: this.options.address });
        return NOT_OFFERED_MS * (0.5 + random() / 2);
      case 'failed':
        return this.failed(outcome.error);
      default:
        return outcome satisfies never;
    }
  }

  private noteLists({ lists }: Pick<BundleAnswer, 'lists'>): void {
    const version = lists?.version ?? '';
    if (version === this.knownLists && this.hasHeardOfLists) return;
    this.knownLists = version;
    this.hasHeardOfLists = true;
    this.hadOtherLists = lists !== undefined;
    this.options.takeLists(lists?.pem);
  }

  /** Of what we still have: a certificate may have brought other roots since. */
  private knownVersion(): string {
    const { known } = this;
    return known !== undefined && this.options.current()?.equals(known.bundlePem) === true ? known.version : '';
  }

  /** Takes a good bundle over. Why it is none, otherwise: the last good one stays. */
  private refusalOf({ version, bundle }: BundleAnswer): unknown {
    const { take, current, now } = this.options;
    try {
      if (bundle !== undefined) {
        const bundlePem = readBundle(bundle, now());
        this.known = { version, bundlePem };
        if (current()?.equals(bundlePem) !== true) take(bundlePem);
      }
      this.#checkedMs = now();
      return undefined;
    } catch (error) {
      return error;
    }
  }

  private failed(error: unknown): number {
    const { logger, random, address } = this.options;
    const code = errorCodeOf(error);
    const fields = { [Field.address]: address, [Field.code]: code, [Field.error]: messageOf(error) };
    // What is away, or wants another token, is told of by the requests for certificates.
    if (REFUSED_BUNDLE.has(code) && this.failures === 0) logger.warn('trust bundle of the ca refused', fields);
    else logger.debug('trust bundle not refreshed', fields);
    this.count(code);
    const wholeMs = Math.min(FAILED_CAP_MS, FAILED_FIRST_MS * 2 ** Math.min(this.failures, 10));
    this.failures += 1;
    return wholeMs * random();
  }

  private count(code: string, amount = 1): void {
    this.options.metrics.counter(Metric.bundleRefreshes, { address: this.options.address, code }).add(amount);
  }
}

const REFUSED_BUNDLE: ReadonlySet<string> = new Set(['ERR_BUNDLE_INVALID', 'ERR_CA_RESPONSE_INVALID']);

/**
 * What of an answer may be trusted, as PEM of nothing else. @throws IdentityError `ERR_CA_RESPONSE_INVALID`,
 * `ERR_BUNDLE_INVALID`.
 */
function readBundle(bundle: Buffer, nowMs: number): Buffer {
  const what = 'CA answer: trust bundle';
  const limits = { what, code: 'ERR_CA_RESPONSE_INVALID', maxBytes: MAX_BUNDLE_CHARS, maxBlocks: MAX_ROOTS } as const;
  const pem = Buffer.concat(cutCertificates(bundle, limits));
  if (TrustBundle.parsePem(pem).usableAt(nowMs) !== undefined) return pem;
  throw new IdentityError('ERR_BUNDLE_INVALID', `${what}: got only expired certificates, expected one that is valid`);
}

function sleepUntilClosed(delayMs: number, closing: CancelSignal): Promise<void> {
  return sleep(delayMs, [closing]);
}
