import type { ErrorCode } from '../../errors/index.js';
import { type Counter, IstioMetric, Metric, type MetricRegistry } from '../../telemetry/index.js';
import type { SigningAuthority } from '../authority/index.js';

export interface IstioMetricsOptions {
  /** Where calls for certificates are counted by their codes. */
  readonly metrics: MetricRegistry;
  /** What signs now. */
  readonly authority: () => Pick<SigningAuthority, 'signer' | 'intermediatesPem' | 'bundle'>;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** The values of istiod's label `error`. (istio/istio at eed52ebb66ad, security/pkg/pki/error/error.go) */
const SIGN_ERRORS = ['CA_NOT_READY', 'CSR_ERROR', 'TTL_ERROR', 'CERT_GEN_ERROR', 'UNKNOWN'] as const;

type SignError = (typeof SIGN_ERRORS)[number];

/** `cancelled`: the caller has gone, and istiod would have counted neither a failure nor, in the end, a success. */
type Outcome = 'success' | 'authentication failure' | 'cancelled' | SignError;

/**
 * The metrics of istiod's CA, derived from our own when they are read: issuing counts once. In one point they are
 * better: istiod registers the count of CSRs that do not parse, and never adds to it.
 */
export class IstioMetrics {
  private readonly requests: Counter;
  private readonly authenticationFailures: Counter;
  private readonly csrParsingErrors: Counter;
  private readonly signErrors: ReadonlyMap<SignError, Counter>;
  private readonly successes: Counter;
  /** Those of a chain are there from the first one on, as istiod's are. */
  private hadChain = false;

  constructor(private readonly options: IstioMetricsOptions) {
    const { metrics } = options;
    this.requests = metrics.counter(IstioMetric.csrCount);
    this.authenticationFailures = metrics.counter(IstioMetric.authenticationFailureCount);
    this.csrParsingErrors = metrics.counter(IstioMetric.csrParsingErrCount);
    // No identity is ever taken from a CSR, so none can fail to be: as with istiod it stays 0.
    metrics.counter(IstioMetric.idExtractionErrCount);
    this.signErrors = new Map(
      SIGN_ERRORS.map((error) => [error, metrics.counter(IstioMetric.csrSignErrCount, { error })]),
    );
    this.successes = metrics.counter(IstioMetric.successCertIssuanceCount);
  }

  /** Brings all up to now. */
  collect(): void {
    let requests = 0;
    let parsingErrors = 0;
    const byOutcome = new Map<Outcome, number>();
    for (const { definition, labels, metric } of this.options.metrics.series()) {
      if (definition.name !== Metric.certificateRequestSeconds.name || !('count' in metric)) continue;
      const { code = 'ERR_INTERNAL' } = labels;
      const outcome = outcomeOf(code as ErrorCode | 'OK');
      requests += metric.count;
      if (code === 'ERR_CSR_INVALID') parsingErrors += metric.count;
      byOutcome.set(outcome, (byOutcome.get(outcome) ?? 0) + metric.count);
    }
    raise(this.requests, requests);
    raise(this.csrParsingErrors, parsingErrors);
    raise(this.authenticationFailures, byOutcome.get('authentication failure'));
    raise(this.successes, byOutcome.get('success'));
    for (const [error, counter] of this.signErrors) raise(counter, byOutcome.get(error));
    this.setExpiries();
  }

  /** As istiod: the first root of the bundle; the certificate that signs, where it is none that signs itself. */
  private setExpiries(): void {
    const { signer, intermediatesPem, bundle } = this.options.authority();
    const [root] = bundle.list();
    this.setExpiry(root?.validTo, IstioMetric.rootCertExpiryTimestamp, IstioMetric.rootCertExpirySeconds);
    const hasChain = intermediatesPem.length > 0;
    this.hadChain ||= hasChain;
    if (!this.hadChain) return;
    const chainValidTo = hasChain ? signer.certificate.validTo : undefined;
    this.setExpiry(chainValidTo, IstioMetric.certChainExpiryTimestamp, IstioMetric.certChainExpirySeconds);
  }

  /** NaN without a certificate. */
  private setExpiry(validTo: string | undefined, timestamp: ExpiryMetric, remaining: ExpiryMetric): void {
    const { metrics, now } = this.options;
    const atMs = Date.parse(validTo ?? '');
    metrics.gauge(timestamp).set(atMs / 1000);
    metrics.gauge(remaining).set((atMs - now()) / 1000);
  }
}

type ExpiryMetric = Parameters<MetricRegistry['gauge']>[0];

function raise(counter: Counter, total = 0): void {
  counter.add(total - counter.value);
}

/** How istiod would have counted a call that ended so. (reference: Istio 2.1, 2.6) */
function outcomeOf(code: ErrorCode | 'OK'): Outcome {
  // A token that could not be looked at is one that istiod does not accept.
  if (/^ERR_(TOKEN|KUBERNETES|JWKS)_/.test(code)) return 'authentication failure';
  switch (code) {
    case 'OK':
      return 'success';
    case 'ERR_CANCELLED':
      return 'cancelled';
    case 'ERR_CLIENT_CERTIFICATE_REFUSED':
    case 'ERR_IMPERSONATION_REFUSED':
    case 'ERR_CERT_SIGNER_UNKNOWN':
      return 'authentication failure';
    case 'ERR_CSR_INVALID':
    case 'ERR_KEY_TYPE_UNSUPPORTED':
    case 'ERR_POLICY_REFUSED':
    case 'ERR_REQUEST_INVALID':
      return 'CSR_ERROR';
    case 'ERR_TTL_TOO_LONG':
    case 'ERR_TTL_TOO_SHORT':
      return 'TTL_ERROR';
    case 'ERR_CITADEL_NOT_READY':
    case 'ERR_CA_KEY_UNAVAILABLE':
    case 'ERR_TRAIL_UNAVAILABLE':
      return 'CA_NOT_READY';
    case 'ERR_SIGNER_INVALID':
    case 'ERR_HOTPATH_FAILED':
      return 'CERT_GEN_ERROR';
    default:
      return 'UNKNOWN';
  }
}
