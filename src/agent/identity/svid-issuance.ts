import { type ErrorCode, errorCodeOf, IdentityError } from '../../errors/index.js';
import { type AcquireRequest, Semaphore } from '../../fairness/index.js';
import { type HotPath, KeyReserve, type PrepareRequest, type SealedSvid } from '../../hotpath/index.js';
import type { SpiffeId } from '../../pki/spiffe/index.js';
import { authorityKeyOf } from '../../pki/x509/index.js';
import { inSpan, Metric, MetricRegistry, type Span } from '../../telemetry/index.js';
import { CaPresence } from './ca-presence.js';
import type { CertificateAnswer, CertificateIssuer, TokenSource } from './certificate-issuer.js';
import { IssuersEnd } from './issuers-end.js';

/** What the life of an answer must be, in milliseconds. */
export const LIFE_LIMITS = {
  /** An SVID with less life than this is as good as ended: peers would see it fail in mid-handshake. */
  minLifeMs: 2000,
  /**
   * How far the CA's clock may be ahead of ours. Unattended clocks are off by seconds to minutes; a leaf that begins
   * later than this is a mistake, or not meant to be used yet. (reference: Istio section 4, 17)
   */
  maxAheadMs: 5 * 60_000,
} as const;

/** What is wrong with an answer, and not with us. */
const FAULTS_OF_ANSWERS: ReadonlySet<ErrorCode> = new Set([
  'ERR_BUNDLE_INVALID',
  'ERR_SVID_MALFORMED',
  'ERR_SVID_KEY_MISMATCH',
  'ERR_SVID_IDENTITY_MISMATCH',
  'ERR_SVID_NOT_VALID_NOW',
  'ERR_SVID_UNTRUSTED',
]);

export interface SvidIssuanceOptions {
  readonly keyType: PrepareRequest['keyType'];
  /** The life to ask for; the CA may give less. */
  readonly ttlMs: number;
  readonly issuer: CertificateIssuer;
  readonly hotPath: Pick<HotPath, 'prepare' | 'seal'>;
  /**
   * Makes another body of each sealed certificate, before any stream gets it: one that says, for example, that the
   * operations of its key are done elsewhere. The sealed one is wiped.
   */
  readonly rewriteCertificate?: ((certificateBody: Buffer) => Buffer) | undefined;
  /** More than this wait, first certificates before renewals, fairly by connection: a herd must become a queue. */
  readonly maxInFlight: number;
  /**
   * For so many of these the CA is asked at once, all of them if left out. While it works, the keys of the next are
   * made, and the answers for the last are proven.
   */
  readonly maxCalls?: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly metrics?: MetricRegistry;
}

export interface SvidRequest extends AcquireRequest {
  /** The only identity that the certificate may have. */
  readonly spiffeId: SpiffeId;
  readonly token: TokenSource;
  /** Asked when its turn has come; work that was cancelled meanwhile is not begun. */
  readonly isWanted: () => boolean;
  /** Where the key comes from; left out, it is made now. */
  readonly keys?: KeyReserve;
  /** How long one attempt at the CA may take, in milliseconds; left out, as long as the issuer finds right. */
  readonly attemptMs?: number | undefined;
  /** The trace of this request; ended with it. Left out, none is recorded. */
  readonly span?: Span | undefined;
}

/** A proven SVID, and how long its issuers last. */
export interface IssuedSvid extends SealedSvid {
  /** When the first of its intermediates expires, in epoch milliseconds; infinite without any. */
  readonly issuersEndMs: number;
  /** Which key has signed it, as {@link authorityKeyOf} says. */
  readonly issuerKey: string;
  /** Of its request. */
  readonly span?: Span | undefined;
}

/** One way from a new key to a proven SVID, for all identities of an agent. */
export class SvidIssuance {
  private readonly turns: Semaphore;
  private readonly calls: Semaphore;
  private readonly metrics: MetricRegistry;
  private readonly issuersEnd = new IssuersEnd();
  /** By what became of all requests. */
  readonly ca: CaPresence;

  constructor(private readonly options: SvidIssuanceOptions) {
    this.ca = new CaPresence(options.now);
    this.turns = new Semaphore(options.maxInFlight);
    this.calls = new Semaphore(options.maxCalls ?? options.maxInFlight);
    this.metrics = options.metrics ?? new MetricRegistry();
  }

  /**
   * Makes a key, has it certified with this token, proves the answer, and gives the SVID, bytes and all, to `use`. That
   * still belongs to the turn: who is next in line finds it done.
   * @throws IdentityError whatever `prepare`, the issuer or `seal` throws; `ERR_CANCELLED`: no longer wanted.
   */
  async obtain<T>(request: SvidRequest, use: (issued: IssuedSvid) => T): Promise<T> {
    const { span } = request;
    try {
      await inSpan(span, 'svid.wait', () => this.turns.acquire(request));
      const used = await this.inTurn(request, use);
      span?.end('OK');
      return used;
    } catch (error) {
      span?.end(errorCodeOf(error));
      throw error;
    }
  }

  /** The keys of one identity, the next one ahead of its need. The caller closes it. */
  keysOf(spiffeId: SpiffeId): KeyReserve {
    const { hotPath, keyType } = this.options;
    return new KeyReserve(hotPath, { spiffeId: spiffeId.toString(), keyType });
  }

  private async inTurn<T>(request: SvidRequest, use: (issued: IssuedSvid) => T): Promise<T> {
    try {
      if (!request.isWanted()) throw unwanted();
      const used = use(await this.#obtain(request));
      this.count(request, 'OK');
      return used;
    } catch (error) {
      this.count(request, errorCodeOf(error));
      throw error;
    } finally {
      this.turns.release();
    }
  }

  private count({ precedence }: SvidRequest, code: ErrorCode | 'OK'): void {
    this.ca.heard(code);
    this.metrics.counter(Metric.svidIssues, { for: precedence, code }).add();
  }

  /** The key is wiped here: from now on it lives in the sealed bytes alone. */
  async #obtain(request: SvidRequest): Promise<IssuedSvid> {
    const { now } = this.options;
    const { spiffeId, signal, precedence, span, keys = this.keysOf(spiffeId) } = request;
    const wanted = { signal, isFirst: precedence === 'proof' };
    const prepared = await inSpan(span, 'svid.key_and_csr', () => keys.take(wanted));
    try {
      const answer = await inSpan(span, 'svid.certify', (part) => this.certify(request, prepared.csrPem, part));
      const sealed = await inSpan(span, 'svid.prove', () => this.seal(answer, prepared.privateKey, request));
      const { chainPem } = answer;
      const issuer = { issuersEndMs: this.issuersEnd.of(chainPem, now()), issuerKey: authorityKeyOf(chainPem) };
      return { ...this.rewritten(sealed), ...issuer, span };
    } finally {
      prepared.privateKey.fill(0);
    }
  }

  /** Proves an answer, and says to whom it came from whether it was one. */
  private async seal(answer: CertificateAnswer, privateKey: Buffer, request: SvidRequest): Promise<SealedSvid> {
    const { hotPath, now } = this.options;
    const { chainPem, bundlePem } = answer;
    const times = { nowMs: now(), ...LIFE_LIMITS };
    const expected = { spiffeId: request.spiffeId.toString(), ...times };
    try {
      const sealed = await hotPath.seal({ chainPem, bundlePem, privateKey, ...expected }, { signal: request.signal });
      answer.judged?.('proven');
      return sealed;
    } catch (error) {
      const isFault = error instanceof IdentityError && FAULTS_OF_ANSWERS.has(error.code);
      answer.judged?.(isFault ? { refused: error } : 'dropped');
      throw error;
    }
  }

  private rewritten(sealed: SealedSvid): SealedSvid {
    const { rewriteCertificate } = this.options;
    if (rewriteCertificate === undefined) return sealed;
    try {
      return { ...sealed, certificateBody: rewriteCertificate(sealed.certificateBody) };
    } finally {
      sealed.certificateBody.fill(0);
    }
  }

  private async certify(request: SvidRequest, csrPem: Buffer, span: Span | undefined): Promise<CertificateAnswer> {
    const { token, signal, isWanted, attemptMs } = request;
    const { issuer, ttlMs } = this.options;
    await this.calls.acquire(request);
    try {
      if (!isWanted()) throw unwanted();
      return await issuer.issue({ csrPem, ttlMs, token, signal, attemptMs, span });
    } finally {
      this.calls.release();
    }
  }
}

function unwanted(): IdentityError {
  return new IdentityError('ERR_CANCELLED', 'the certificate request was cancelled');
}
