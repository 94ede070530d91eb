import { type CancelSignal, CancelSource } from '../../cancellation/index.js';
import { errorCodeOf, IdentityError } from '../../errors/index.js';
import type { TlsAgreement } from '../../net/transport/index.js';
import { Field, type Logger, MetricRegistry, type Span } from '../../telemetry/index.js';
import { sleep } from '../../timers/index.js';
import { attemptSpan, endAttempt } from './attempt-span.js';
import { backOffMs, MAX_ATTEMPTS } from './back-off.js';
import type { EnvoysBehind } from './bundle-codec.js';
import { BundleUnion } from './bundle-union.js';
import { BundleWatches, type IssuedLists } from './bundle-watches.js';
import type { CaConnectionOptions } from './ca-connection.js';
import { CaEndpoint } from './ca-endpoint.js';
import type { CaFailure } from './ca-failure.js';
import type { AnswerVerdict, CaRequest, JudgedAnswer } from './certificate-call.js';
import { type CaStanding, type RankedCa, RankedCas } from './ranked-cas.js';

export interface CaClientOptions {
  /** At least one, in the order in which they are asked. */
  readonly cas: readonly CaConnectionOptions[];
  /**
   * Goes with each call as `clusterid`, also when empty. istiod refuses ids that it does not know. (reference: Istio
   * 3.1, 3)
   */
  readonly clusterId: string;
  /** Further headers of each call, by their names in small letters. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The signer that the CA is to use; its own one when it is empty or left out. (reference: Istio A72) */
  readonly certSigner?: string;
  /** For one attempt. */
  readonly deadlineMs?: number;
  /** For one call with all its attempts and the waits between them. */
  readonly budgetMs?: number;
  /**
   * With it the trust bundles of CAs that offer that are kept up to date between the certificates: a token of any
   * workload that the CAs accept, asked for with each call.
   */
  readonly bundleToken?: CaRequest['token'] | undefined;
  /** What Envoys do not have yet: such CAs are told, so that no root goes that they need. */
  readonly unacknowledged?: () => EnvoysBehind;
  readonly logger: Logger;
  readonly metrics?: MetricRegistry;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** How one CA stands, for an operator. No secret is in it. */
export interface CaStatus extends CaStanding {
  /** When it last named its roots without a certificate, or said that they are the same; epoch milliseconds. */
  readonly bundleCheckedMs: number | undefined;
}

/** A client of one CA, or of several that stand in for one another. Nothing is dialled before the first call. */
export interface CaClient {
  /**
   * Asks for a certificate. A failure that another CA might not have leads to the next one at once; when all have
   * failed, passing failures are tried again, at most five times (two of each CA, if that is more) within the budget.
   *
   * Tell the answer's verdict: a CA whose answers are refused cools down, as one that gives none does.
   *
   * Rejects with an IdentityError: `ERR_CA_UNAVAILABLE`, `ERR_CA_UNTRUSTED`, `ERR_CA_DEADLINE`, `ERR_CA_OVERLOADED`,
   * `ERR_CA_REFUSED_TOKEN`, `ERR_CA_REJECTED_CSR`, `ERR_CA_RESPONSE_INVALID`, `ERR_CA_ROOT_INVALID`, what
   * `token.read()` rejects with, or `ERR_CANCELLED` by the signal or by {@link close}.
   */
  issue(request: CaRequest): Promise<JudgedAnswer>;
  /**
   * Calls `listener` whenever a CA has ended a connection, until the result is called: what it has refused, another
   * CA may grant, or the same one after its restart.
   */
  onConnectionLost(listener: () => void): () => void;
  /**
   * Calls `listener` with the trust bundle of all CAs, in PEM, when one of them has named other roots without a
   * certificate, until the result is called.
   */
  onBundle(listener: (bundlePem: Buffer) => void): () => void;
  /**
   * Calls `listener` with the revocation lists of all CAs when one of them has named others, or when the trust bundle
   * is another one, until the result is called.
   */
  onLists(listener: (lists: IssuedLists) => void): () => void;
  /**
   * Puts these roots, in PEM, beside those of the CAs in each bundle from now on, in place of those of the last call;
   * none when it is empty.
   */
  addRoots(pem: Buffer): void;
  /** The address of the CA that gave the last certificate; before any, that of the first. */
  readonly address: string;
  /** What the handshake of its newest connection has agreed on; `undefined` before there was one. */
  readonly agreement: TlsAgreement | undefined;
  /** How each CA stands, in their order. */
  statuses(): readonly CaStatus[];
  /** Ends the connections and cancels the calls under way. Safe to call twice. */
  close(): void;
}

/** A CA answers within milliseconds; one that takes longer than this is better asked on a new connection. */
const DEFAULT_DEADLINE_MS = 5000;

/**
 * The same while there is another CA to ask: a certificate of seconds must not expire over a first CA that hangs. Above
 * the 2 s after which another address of the same CA is tried (net/transport, `DialRace`).
 */
const FAILOVER_DEADLINE_MS = 3000;

/** What may stand in a header: the text of a refusal may quote others. (gRPC over HTTP/2, "ASCII-Value") */
const HEADER_TEXT = /^[\x20-\x7e]*$/;

/**
 * Makes a client.
 * @throws IdentityError `ERR_CONFIG_INVALID`: the cluster id cannot stand in a header.
 */
export function createCaClient(options: CaClientOptions): CaClient {
  if (!HEADER_TEXT.test(options.clusterId)) {
    throw new IdentityError(
      'ERR_CONFIG_INVALID',
      `cluster id: got ${JSON.stringify(options.clusterId)}, expected printable ASCII`,
    );
  }
  const { metrics = new MetricRegistry() } = options;
  const endpoints = options.cas.map((ca) => new CaEndpoint(ca, options));
  const cas = new RankedCas(endpoints, { ...options, metrics });
  const union = new BundleUnion();
  const closing = new CancelSource();
  const bundles = new BundleWatches({ ...options, metrics, union, closing });
  const shared = { cas, union, bundles };
  return {
    issue: (request) => new CaCall(shared, options, request, closing).issue(),
    onConnectionLost(listener) {
      const stops = endpoints.map((endpoint) => endpoint.onConnectionLost(listener));
      return () => {
        for (const stop of stops) stop();
      };
    },
    onBundle: (listener) => bundles.onBundle(listener),
    onLists: (listener) => bundles.onLists(listener),
    addRoots(pem) {
      // Behind those of all CAs.
      union.keep(options.cas.length, pem);
      bundles.tell();
    },
    get address() {
      return cas.current.address;
    },
    get agreement() {
      return cas.current.agreement;
    },
    statuses: () => cas.statuses().map((standing, rank) => ({ ...standing, bundleCheckedMs: bundles.checkedMs(rank) })),
    close() {
      closing.cancel();
      for (const endpoint of endpoints) endpoint.close();
    },
  };
}

/** One request for a certificate, with all its attempts. */
class CaCall {
  /** Of the CAs that may still be asked, by their rank. */
  private readonly attempts = new Map<number, number>();
  private readonly failures = new Map<number, CaFailure>();

  constructor(
    private readonly shared: { readonly cas: RankedCas; readonly union: BundleUnion; readonly bundles: BundleWatches },
    private readonly options: CaClientOptions,
    private readonly request: CaRequest,
    private readonly closing: CancelSignal,
  ) {
    for (const { rank } of shared.cas.all) this.attempts.set(rank, 0);
  }

  async issue(): Promise<JudgedAnswer> {
    const { cas } = this.shared;
    const count = cas.all.length;
    const { now } = this.options;
    const { attemptMs = Number.POSITIVE_INFINITY } = this.request;
    const deadlineMs = Math.min(attemptMs, this.options.deadlineMs ?? DEFAULT_DEADLINE_MS);
    // A whole attempt for each, and one more. A caller that still needs a certificate asks again, with its own, longer
    // back-off.
    const endMs = now() + (this.options.budgetMs ?? (count + 1) * Math.min(attemptMs, DEFAULT_DEADLINE_MS));
    const maxAttempts = Math.max(MAX_ATTEMPTS, 2 * count);
    for (let attempt = 1; ; attempt += 1) {
      const ca = cas.choose(this.attempts);
      const limitMs = this.hasAnother(ca) ? Math.min(deadlineMs, FAILOVER_DEADLINE_MS) : deadlineMs;
      const span = this.request.span && attemptSpan(this.request.span, ca.endpoint.address, attempt);
      const outcome = await this.ask(ca, Math.min(endMs, now() + limitMs), span);
      if ('chainPem' in outcome) return outcome;
      if (!outcome.failsOver) throw outcome.error;
      this.note(ca, outcome);
      const waitMs = this.waitMs(attempt);
      const isLast = this.attempts.size === 0 || attempt >= maxAttempts || now() + waitMs >= endMs;
      if (isLast) throw this.failure();
      this.options.logger.debug('ca request failed, trying again', {
        [Field.address]: ca.endpoint.address,
        [Field.attempt]: attempt,
        [Field.nextAttemptMs]: waitMs,
        [Field.code]: outcome.error.code,
        [Field.error]: outcome.error.message,
        [Field.traceId]: span?.traceId,
      });
      if (waitMs > 0) await sleep(waitMs, [this.request.signal, this.closing]);
    }
  }

  /** Whether there is a CA beside this one that this call has not asked. */
  private hasAnother(ca: RankedCa): boolean {
    return [...this.attempts].some(([rank, tried]) => rank !== ca.rank && tried === 0);
  }

  private async ask(ca: RankedCa, deadlineMs: number, span: Span | undefined): Promise<JudgedAnswer | CaFailure> {
    const { cas, union } = this.shared;
    const request = span === undefined ? this.request : { ...this.request, span };
    try {
      const outcome = await ca.endpoint.attempt(request, deadlineMs, this.closing);
      if (span !== undefined) endAttempt(span, outcome);
      if ('chainPem' in outcome) {
        const { chainPem, bundlePem } = outcome;
        const judged = (verdict: AnswerVerdict): void => this.judged(ca, bundlePem, verdict);
        return { chainPem, bundlePem: union.with(ca.rank, bundlePem), judged };
      }
      cas.failed(ca, outcome);
      return outcome;
    } catch (error) {
      cas.cancelled(ca);
      span?.end(errorCodeOf(error));
      throw error;
    }
  }

  /** A CA whose answers are no good is one that gives none. */
  private judged(ca: RankedCa, bundlePem: Buffer, verdict: AnswerVerdict): void {
    const { cas, union, bundles } = this.shared;
    if (verdict === 'dropped') cas.cancelled(ca);
    else if (verdict === 'proven') {
      union.keep(ca.rank, bundlePem);
      cas.succeeded(ca);
      bundles.proven(ca);
    } else {
      cas.failed(ca, { error: verdict.refused, isTransient: false, failsOver: true, connection: 'good' });
    }
  }

  private note({ rank }: RankedCa, outcome: CaFailure): void {
    this.failures.set(rank, outcome);
    if (outcome.isTransient) this.attempts.set(rank, (this.attempts.get(rank) ?? 0) + 1);
    else this.attempts.delete(rank);
  }

  /** None as long as there is a CA that this call has not asked. */
  private waitMs(attempt: number): number {
    const ranks = [...this.attempts];
    if (ranks.some(([, tried]) => tried === 0)) return 0;
    const round = Math.ceil(attempt / this.shared.cas.all.length);
    const wanted = ranks.map(([rank]) => this.failures.get(rank)?.error.retryAfterMs ?? 0);
    return Math.max(backOffMs(round, this.options.random()), wanted.length === 0 ? 0 : Math.min(...wanted));
  }

  /** Of several, the one that may pass counts, and all are told of. */
  private failure(): IdentityError {
    const all = [...this.failures.values()];
    const counts = all.find(({ isTransient }) => isTransient) ?? all[0];
    if (counts === undefined) return new IdentityError('ERR_INTERNAL', 'no CA was asked');
    if (all.length === 1) return counts.error;
    const wanted = all.map(({ error }) => error.retryAfterMs ?? 0);
    const message = all.map(({ error }) => error.message).join('; ');
    const retryAfterMs = Math.min(...wanted) || undefined;
    return new IdentityError(counts.error.code, message, { cause: counts.error, retryAfterMs });
  }
}
