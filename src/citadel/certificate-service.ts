import type { handleUnaryCall } from '@grpc/grpc-js';
import { type ErrorCode, errorCodeOf, IdentityError } from '../errors/index.js';
import { connectionOf, type RawUnaryCall, rawMethod, type Service } from '../rpc/index.js';
import { Field, type Gauge, Metric, MetricRegistry } from '../telemetry/index.js';
import { bearerToken, clusterId } from './caller-metadata.js';
import { decodeCertificateRequest, encodeCertificateResponse } from './certificate-codec.js';
import { type CallerTrace, type IssuanceOptions, issueLeaf } from './certificate-issuance.js';
import { refusalOf } from './refusal.js';

export interface CertificateServiceOptions extends IssuanceOptions {
  /** More calls at once are refused before anything is computed for them. */
  readonly maxInFlight?: number;
  /** For one call. Istio's agents set no deadline, so the server must. (reference: Istio 3.2, 6) */
  readonly requestTimeoutMs?: number;
  readonly metrics?: MetricRegistry;
}

/** At 3 000 certificates per second they wait less than 0.1 s; agents come back by themselves, with jitter. */
const DEFAULT_MAX_IN_FLIGHT = 256;

/** The work is milliseconds: whoever waits for this long is better served by another replica. */
const DEFAULT_REQUEST_TIMEOUT_MS = 5000;

/** `istio.v1.auth.IstioCertificateService`, wire-compatible with istiod's. */
export function createCertificateService(options: CertificateServiceOptions): Service {
  const service = new CertificateService(options);
  const createCertificate: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    service.answer(call).then(
      (response) => callback(null, response),
      (error: unknown) => callback(refusalOf(error)),
    );
  };
  return {
    definition: { CreateCertificate: rawMethod('/istio.v1.auth.IstioCertificateService/CreateCertificate', 'unary') },
    implementation: { CreateCertificate: createCertificate },
  };
}

class CertificateService {
  readonly #metrics: MetricRegistry;
  readonly #inFlight: Gauge;
  #isOverloaded = false;

  constructor(private readonly options: CertificateServiceOptions) {
    this.#metrics = options.metrics ?? new MetricRegistry();
    this.#inFlight = this.#metrics.gauge(Metric.certificateRequestsInFlight);
  }

  /** The answer's bytes. Rejects when the call has failed, run out of time or been cancelled. */
  async answer(call: RawUnaryCall): Promise<Buffer> {
    const startedAtMs = performance.now();
    try {
      const response = await this.#answer(call);
      this.#observe('OK', startedAtMs);
      return response;
    } catch (error) {
      this.#observe(errorCodeOf(error), startedAtMs);
      throw error;
    }
  }

  async #answer(call: RawUnaryCall): Promise<Buffer> {
    const caller = { connection: connectionOf(call), clusterId: clusterId(call.metadata) };
    this.#admit(caller);
    const stop = new AbortController();
    const timeoutMs = this.options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
    const timer = setTimeout(() => stop.abort(tooLate(timeoutMs)), timeoutMs);
    call.once('cancelled', () => stop.abort(new IdentityError('ERR_CANCELLED', 'the caller has gone')));
    // The place is given back when the work has ended, not when we cease to wait for it: else it would bound nothing.
    const work = this.#create(call, caller, stop.signal).finally(() => {
      this.#inFlight.set(this.#inFlight.value - 1);
    });
    try {
      return await Promise.race([work, rejectionOf(stop.signal)]);
    } catch (error) {
      this.#logRefusal(error, caller);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #admit(caller: CallerTrace): void {
    const limit = this.options.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT;
    if (this.#inFlight.value < limit) {
      this.#inFlight.set(this.#inFlight.value + 1);
      this.#isOverloaded = false;
      return;
    }
    const error = new IdentityError('ERR_CITADEL_OVERLOADED', `${limit} requests are in flight, try again later`);
    // Said once per overload: a line for each refused call would be load, too.
    if (!this.#isOverloaded) this.#logRefusal(error, caller);
    this.#isOverloaded = true;
    throw error;
  }

  async #create(call: RawUnaryCall, caller: CallerTrace, signal: AbortSignal): Promise<Buffer> {
    const workload = await this.options.authenticator.authenticate(bearerToken(call.metadata));
    signal.throwIfAborted();
    // After the token: whoever has no good one learns nothing about the rest of its request.
    const request = decodeCertificateRequest(call.request);
    return encodeCertificateResponse(await issueLeaf(this.options, workload, request, caller));
  }

  #observe(code: ErrorCode | 'OK', startedAtMs: number): void {
    const seconds = (performance.now() - startedAtMs) / 1000;
    this.#metrics.histogram(Metric.certificateRequestSeconds, { code }).observe(seconds);
  }

  #logRefusal(error: unknown, { connection, clusterId }: CallerTrace): void {
    const code = errorCodeOf(error);
    const fields = {
      [Field.code]: code,
      [Field.reason]: error instanceof Error ? error.message : String(error),
      [Field.connection]: connection,
      [Field.clusterId]: clusterId,
    };
    if (code === 'ERR_CANCELLED') this.options.logger.debug('certificate request cancelled', fields);
    else this.options.logger.warn('certificate refused', fields);
  }
}

/** Never resolves. */
function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function tooLate(timeoutMs: number): IdentityError {
  return new IdentityError('ERR_CITADEL_DEADLINE', `the certificate was not ready after ${timeoutMs} ms`);
}
