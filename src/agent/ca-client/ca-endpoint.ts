import type { CancelSignal } from '../../cancellation/index.js';
import { type ErrorCode, errorCodeOf, IdentityError, wrapError } from '../../errors/index.js';
import { CallFailure, status } from '../../net/grpc/index.js';
import type { TlsAgreement } from '../../net/transport/index.js';
import { bearerValue } from '../../pki/service-account/index.js';
import { Field, type Logger } from '../../telemetry/index.js';
import { AnswerForm, MAX_ANSWER_BYTES, MAX_BUNDLE_CHARS } from './answer-form.js';
import {
  decodeBundleResponse,
  type EnvoysBehind,
  encodeBundleRequest,
  GET_TRUST_BUNDLE,
  type KnownVersions,
} from './bundle-codec.js';
import type { BundleOutcome } from './bundle-watch.js';
import { CREATE_CERTIFICATE, decodeCertificateResponse, encodeCertificateRequest } from './ca-codec.js';
import { CaConnection, type CaConnectionOptions, type Lease } from './ca-connection.js';
import { type CaFailure, failureWithoutStatus, readFailure } from './ca-failure.js';
import type { CaAnswer, CaRequest } from './certificate-call.js';

export interface CaEndpointOptions {
  /** Goes with each call as `clusterid`, also when empty. */
  readonly clusterId: string;
  /** Further headers of each call, by their names in small letters. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The signer that the CA is to use; its own one when it is empty or left out. */
  readonly certSigner?: string;
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** One CA: the connection to it, and single attempts to get a certificate there. */
export class CaEndpoint {
  private readonly connection: CaConnection;
  private readonly answerForm = new AnswerForm();
  #agreement: TlsAgreement | undefined;

  constructor(
    private readonly ca: CaConnectionOptions,
    private readonly options: CaEndpointOptions,
  ) {
    this.connection = new CaConnection(ca, (agreed) => this.connected(agreed));
  }

  get address(): string {
    return this.ca.address;
  }

  /** What the handshake of the newest connection has agreed on; `undefined` before there was one. */
  get agreement(): TlsAgreement | undefined {
    return this.#agreement;
  }

  /** Calls `listener` whenever the CA has ended a connection, until the result is called. */
  onConnectionLost(listener: () => void): () => void {
    return this.connection.onLost(listener);
  }

  /** Ends the connection and the calls on it. Safe to call twice. */
  close(): void {
    this.connection.close();
  }

  /**
   * One call on the shared connection. Resolves with a failure when the CA or the way to it failed; rejects for all
   * else. `deadlineMs` is in epoch milliseconds.
   */
  async attempt(request: CaRequest, deadlineMs: number, closing: CancelSignal): Promise<CaAnswer | CaFailure> {
    const { csrPem, ttlMs, token, signal, span } = request;
    const throwIfCancelled = (): void => {
      if (!signal.isCancelled && !closing.isCancelled) return;
      throw new IdentityError('ERR_CANCELLED', 'the request for a certificate was cancelled');
    };
    throwIfCancelled();
    const { headers, clusterId, certSigner } = this.options;
    const traced = span && { traceparent: span.traceparent };
    const metadata = { ...headers, ...(await this.authorization(token)), clusterid: clusterId, ...traced };
    const lease = await this.lease();
    if ('error' in lease) return lease;
    let isBroken = false;
    try {
      throwIfCancelled();
      const bytes = encodeCertificateRequest(csrPem, ttlMs, certSigner);
      const call = { metadata, deadlineMs, signal, maxAnswerBytes: MAX_ANSWER_BYTES };
      const answer = await lease.connection.unary(CREATE_CERTIFICATE, bytes, call);
      return this.answerForm.cut(decodeCertificateResponse(answer));
    } catch (error) {
      throwIfCancelled();
      isBroken = true;
      if (!(error instanceof CallFailure)) return failureWithoutStatus(error, 'ERR_CA_RESPONSE_INVALID');
      const failure = readFailure(error, describe(this.ca), this.options.now());
      isBroken = await this.isBroken(failure, lease);
      return failure;
    } finally {
      this.connection.release(lease, isBroken);
    }
  }

  /** One call for the trust bundle alone, on the shared connection. Never rejects. */
  async askBundle(
    request: { readonly known: KnownVersions; readonly unacknowledged: EnvoysBehind },
    token: CaRequest['token'],
    closing: CancelSignal,
  ): Promise<BundleOutcome> {
    try {
      const { headers, clusterId, now } = this.options;
      const metadata = { ...headers, ...(await this.authorization(token)), clusterid: clusterId };
      const lease = await this.connection.lease();
      let isBroken = true;
      try {
        const call = {
          metadata,
          deadlineMs: now() + BUNDLE_CALL_MS,
          signal: closing,
          maxAnswerBytes: MAX_BUNDLE_BYTES,
        };
        const bytes = await lease.connection.unary(
          GET_TRUST_BUNDLE,
          encodeBundleRequest(request.known, request.unacknowledged),
          call,
        );
        const answer = decodeBundleResponse(bytes);
        isBroken = false;
        return { kind: 'answered', ...answer };
      } catch (error) {
        if (!(error instanceof CallFailure)) throw error;
        // The CA is there, and asked for certificates on this connection.
        isBroken = error.code !== status.UNIMPLEMENTED;
        if (!isBroken) return { kind: 'not-offered' };
        const failure = readFailure(error, describe(this.ca), now());
        isBroken = await this.isBroken(failure, lease);
        return { kind: 'failed', error: failure.error };
      } finally {
        this.connection.release(lease, isBroken);
      }
    } catch (error) {
      return { kind: 'failed', error: wrapError('ERR_INTERNAL', 'asking the CA for its trust bundle', error) };
    }
  }

  /** A CA that knows us by our certificate may do without a token: a virtual machine has none after its first day. */
  private async authorization(token: CaRequest['token']): Promise<{ readonly authorization?: string }> {
    try {
      return { authorization: bearer(await token.read()) };
    } catch (error) {
      const shown = 'isPlaintext' in this.ca ? undefined : await this.ca.clientCertificate?.current();
      if (shown === undefined || !NO_TOKEN.has(errorCodeOf(error))) throw error;
      return {};
    }
  }

  /** Without usable roots there is no connection: a failure of this CA, and of no other. */
  private async lease(): Promise<Lease | CaFailure> {
    try {
      return await this.connection.lease();
    } catch (error) {
      return failureWithoutStatus(error, 'ERR_CA_ROOT_INVALID');
    }
  }

  private async isBroken({ connection }: CaFailure, lease: Lease): Promise<boolean> {
    switch (connection) {
      case 'good':
        return false;
      case 'good-with-this-root':
        return this.connection.hasRootChanged(lease);
      case 'broken':
        return true;
      default:
        return connection satisfies never;
    }
  }

  private connected(agreed: TlsAgreement | undefined): void {
    if (agreed === undefined) return;
    // A CA may end a connection after each call: a line only when something is new.
    if (agreed.tlsVersion !== this.#agreement?.tlsVersion || agreed.keyExchange !== this.#agreement.keyExchange) {
      this.options.logger.info('connected to the ca', {
        [Field.address]: this.ca.address,
        [Field.tlsVersion]: agreed.tlsVersion,
        [Field.keyExchange]: agreed.keyExchange,
      });
    }
    this.#agreement = agreed;
  }
}

/** A CA of ours holds the call for 4 minutes; one that says nothing at all is found out by pings. */
const BUNDLE_CALL_MS = 5 * 60_000;

/** With versions and 4 MB of revocation lists, which are as many as an agent takes. */
const MAX_BUNDLE_BYTES = MAX_BUNDLE_CHARS + 4 * 1024 * 1024 + 1024;

const NO_TOKEN: ReadonlySet<ErrorCode> = new Set(['ERR_TOKEN_MISSING', 'ERR_TOKEN_EXPIRED']);

/** The header's text. The buffer is wiped; the string cannot be, and lives until the garbage collector comes. */
function bearer(token: Buffer): string {
  const text = token.toString('latin1');
  token.fill(0);
  return bearerValue(text);
}

/** The CA and the roots it was verified with, for a message that says where to look. */
function describe(ca: CaConnectionOptions): string {
  if ('isPlaintext' in ca) return `CA ${ca.address} in plain text`;
  const named = ca.serverName === undefined ? '' : ` (as ${ca.serverName})`;
  const root = 'rootFile' in ca ? `, root file ${ca.rootFile}` : '';
  return `CA ${ca.address}${named}${root}`;
}
