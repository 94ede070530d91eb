import { type CancelSignal, CancelSource } from '../../cancellation/index.js';
import { IdentityError, wrapError } from '../../errors/index.js';
import { CallFailure } from '../../net/grpc/index.js';
import type { TlsAgreement } from '../../net/transport/index.js';
import { bearerValue } from '../../pki/service-account/index.js';
import { Field, type Logger } from '../../telemetry/index.js';
import { sleep } from '../../timers/index.js';
import { AnswerForm, MAX_ANSWER_BYTES } from './answer-form.js';
import { backOffMs, MAX_ATTEMPTS } from './back-off.js';
import { CREATE_CERTIFICATE, decodeCertificateResponse, encodeCertificateRequest } from './ca-codec.js';
import { CaConnection, type CaConnectionOptions, type Lease } from './ca-connection.js';
import { type CaFailure, readFailure } from './ca-failure.js';

export type CaClientOptions = CaConnectionOptions & CaCallOptions;

interface CaCallOptions {
  /**
   * Goes with each call as `clusterid`, also when empty. istiod refuses ids that it does not know. (reference: Istio
   * 3.1, 3)
   */
  readonly clusterId: string;
  /** For one attempt. */
  readonly deadlineMs?: number;
  /** For one call with all its attempts and the waits between them. */
  readonly budgetMs?: number;
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface CaRequest {
  readonly csrPem: Buffer;
  readonly ttlMs: number;
  /** Asked again for each attempt; the buffer is wiped after use. */
  readonly token: { read(): Promise<Buffer> };
  readonly signal: CancelSignal;
}

export interface CaAnswer {
  /** PEM: the leaf, then the intermediates; no root. */
  readonly chainPem: Buffer;
  /** PEM: the trust bundle. */
  readonly bundlePem: Buffer;
}

/** A client of one CA. Nothing is dialled before the first call. */
export interface CaClient {
  /**
   * Asks for a certificate; a passing failure is tried again, at most five times within the budget.
   *
   * Rejects with an IdentityError: `ERR_CA_UNAVAILABLE`, `ERR_CA_UNTRUSTED`, `ERR_CA_DEADLINE`, `ERR_CA_OVERLOADED`,
   * `ERR_CA_REFUSED_TOKEN`, `ERR_CA_REJECTED_CSR`, `ERR_CA_RESPONSE_INVALID`, `ERR_CA_ROOT_INVALID`, what
   * `token.read()` rejects with, or `ERR_CANCELLED` by the signal or by {@link close}.
   */
  issue(request: CaRequest): Promise<CaAnswer>;
  /**
   * Calls `listener` whenever the CA has ended a connection, until the result is called: what it has refused, another
   * CA may grant, or the same one after its restart.
   */
  onConnectionLost(listener: () => void): () => void;
  /** What the handshake of the newest connection has agreed on; `undefined` before there was one. */
  readonly agreement: TlsAgreement | undefined;
  /** Ends the connection and cancels the calls under way. Safe to call twice. */
  close(): void;
}

/** A CA answers within milliseconds; one that takes longer than this is better asked on a new connection. */
const DEFAULT_DEADLINE_MS = 5000;

/** Two whole attempts. A caller that still needs a certificate asks again, with its own, longer back-off. */
const DEFAULT_BUDGET_MS = 10_000;

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
  let agreement: TlsAgreement | undefined;
  const connection = new CaConnection(options, (agreed) => {
    // A CA may end a connection after each call: a line only when something is new.
    if (agreed.tlsVersion !== agreement?.tlsVersion || agreed.keyExchange !== agreement.keyExchange) {
      options.logger.info('connected to the ca', {
        [Field.address]: options.address,
        [Field.tlsVersion]: agreed.tlsVersion,
        [Field.keyExchange]: agreed.keyExchange,
      });
    }
    agreement = agreed;
  });
  const shared = { connection, answerForm: new AnswerForm() };
  const closing = new CancelSource();
  return {
    issue: (request) => new CaCall(shared, options, request, closing).issue(),
    onConnectionLost: (listener) => connection.onLost(listener),
    get agreement() {
      return agreement;
    },
    close() {
      closing.cancel();
      connection.close();
    },
  };
}

/** One request for a certificate, with all its attempts. */
class CaCall {
  constructor(
    private readonly shared: { readonly connection: CaConnection; readonly answerForm: AnswerForm },
    private readonly options: CaClientOptions,
    private readonly request: CaRequest,
    private readonly closing: CancelSignal,
  ) {}

  async issue(): Promise<CaAnswer> {
    const { now, random, logger, budgetMs = DEFAULT_BUDGET_MS, deadlineMs = DEFAULT_DEADLINE_MS } = this.options;
    const endMs = now() + budgetMs;
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.attempt(Math.min(endMs, now() + deadlineMs));
      if ('chainPem' in outcome) return outcome;
      const waitMs = Math.max(backOffMs(attempt, random()), outcome.error.retryAfterMs ?? 0);
      const isLast = attempt === MAX_ATTEMPTS || now() + waitMs >= endMs;
      if (!outcome.isTransient || isLast) throw outcome.error;
      logger.debug('ca request failed, trying again', {
        [Field.attempt]: attempt,
        [Field.nextAttemptMs]: waitMs,
        [Field.code]: outcome.error.code,
        [Field.error]: outcome.error.message,
      });
      await sleep(waitMs, [this.request.signal, this.closing]);
    }
  }

  /**
   * One call on the shared connection. Resolves with a failure when the CA or the way to it failed; rejects for all
   * else.
   */
  private async attempt(deadlineMs: number): Promise<CaAnswer | CaFailure> {
    const { csrPem, ttlMs, token, signal } = this.request;
    const { connection, answerForm } = this.shared;
    this.throwIfCancelled();
    const metadata = { authorization: bearer(await token.read()), clusterid: this.options.clusterId };
    const lease = await connection.lease();
    let isBroken = false;
    try {
      this.throwIfCancelled();
      const bytes = encodeCertificateRequest(csrPem, ttlMs);
      const call = { metadata, deadlineMs, signal, maxAnswerBytes: MAX_ANSWER_BYTES };
      return answerForm.cut(decodeCertificateResponse(await lease.connection.unary(CREATE_CERTIFICATE, bytes, call)));
    } catch (error) {
      this.throwIfCancelled();
      isBroken = true;
      if (!(error instanceof CallFailure)) throw wrapError('ERR_INTERNAL', 'asking the CA', error);
      const failure = readFailure(error, describe(this.options), this.options.now());
      isBroken = await this.isBroken(failure, lease);
      return failure;
    } finally {
      connection.release(lease, isBroken);
    }
  }

  private async isBroken({ connection }: CaFailure, lease: Lease): Promise<boolean> {
    switch (connection) {
      case 'good':
        return false;
      case 'good-with-this-root':
        return this.shared.connection.hasRootChanged(lease);
      case 'broken':
        return true;
      default:
        return connection satisfies never;
    }
  }

  private throwIfCancelled(): void {
    if (!this.request.signal.isCancelled && !this.closing.isCancelled) return;
    throw new IdentityError('ERR_CANCELLED', 'the request for a certificate was cancelled');
  }
}

/** The header's text. The buffer is wiped; the string cannot be, and lives until the garbage collector comes. */
function bearer(token: Buffer): string {
  const text = token.toString('latin1');
  token.fill(0);
  return bearerValue(text);
}

/** The CA and the roots it was verified with, for a message that says where to look. */
function describe(options: CaClientOptions): string {
  const named = options.serverName === undefined ? '' : ` (as ${options.serverName})`;
  const root = 'rootFile' in options ? `, root file ${options.rootFile}` : '';
  return `CA ${options.address}${named}${root}`;
}
