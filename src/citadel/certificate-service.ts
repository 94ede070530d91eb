import { Deadlines, LightAbort } from '../cancellation/index.js';
import { type ErrorCode, errorCodeOf, IdentityError } from '../errors/index.js';
import { addUnaryMethod, type FramedServer, type ServedCall } from '../rpc/index.js';
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

/** The one method of `istio.v1.auth.IstioCertificateService`, wire-compatible with istiod's. */
export function addCertificateMethod(
  server: Pick<FramedServer, 'addMethod'>,
  options: CertificateServiceOptions,
): void {
  const service = new CertificateService(options);
  addUnaryMethod(server, '/istio.v1.auth.IstioCertificateService/CreateCertificate', (bytes, call) =>
    service.answer(bytes, call),
  );
}

/** A call that has no answer yet. */
class PendingCall {
  readonly startedAtMs = performance.now();
  /** Aborted when nobody waits any more: what has not begun by then is not signed. */
  readonly stop = new LightAbort();

  constructor(
    readonly call: ServedCall,
    readonly caller: CallerTrace,
  ) {}
}

class CertificateService {
  private readonly metrics: MetricRegistry;
  private readonly inFlight: Gauge;
  private readonly deadlines: Deadlines<PendingCall>;
  private isOverloaded = false;

  constructor(private readonly options: CertificateServiceOptions) {
    this.metrics = options.metrics ?? new MetricRegistry();
    this.inFlight = this.metrics.gauge(Metric.certificateRequestsInFlight);
    const timeoutMs = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
    this.deadlines = new Deadlines(timeoutMs, (late) => {
      for (const pending of late) this.giveUp(pending, tooLate(timeoutMs));
    });
  }

  /** Answers the call, or refuses it when it has failed, run out of time or been cancelled. */
  answer(bytes: Buffer, call: ServedCall): void {
    const pending = new PendingCall(call, { connection: call.connection, clusterId: clusterId(call) });
    const refusal = this.admit(pending.caller);
    if (refusal !== undefined) {
      this.refuse(pending, refusal);
      return;
    }
    this.deadlines.add(pending);
    call.onGone(() => this.giveUp(pending, new IdentityError('ERR_CANCELLED', 'the caller has gone')));
    void this.serve(bytes, pending);
  }

  /** Never rejects. */
  private async serve(bytes: Buffer, pending: PendingCall): Promise<void> {
    const { call, stop, startedAtMs } = pending;
    try {
      const response = await this.create(bytes, pending);
      if (!stop.aborted) {
        this.observe('OK', startedAtMs);
        call.answer(response);
      }
    } catch (error) {
      this.giveUp(pending, error);
    } finally {
      this.deadlines.delete(pending);
      // The place is given back when the work has ended, not when we cease to wait for it: else it would bound nothing.
      this.inFlight.add(-1);
    }
  }

  /** Refuses the call, unless that has been done already. */
  private giveUp(pending: PendingCall, error: unknown): void {
    if (pending.stop.aborted) return;
    pending.stop.abort();
    this.logRefusal(error, pending.caller);
    this.refuse(pending, error);
  }

  private refuse({ call, startedAtMs }: PendingCall, error: unknown): void {
    this.observe(errorCodeOf(error), startedAtMs);
    call.refuse(refusalOf(error));
  }

  /** Takes a place, or tells why there is none. */
  private admit(caller: CallerTrace): IdentityError | undefined {
    const limit = this.options.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT;
    if (this.inFlight.value < limit) {
      this.inFlight.add(1);
      this.isOverloaded = false;
      return undefined;
    }
    const error = new IdentityError('ERR_CITADEL_OVERLOADED', `${limit} requests are in flight, try again later`);
    // Said once per overload: a line for each refused call would be load, too.
    if (!this.isOverloaded) this.logRefusal(error, caller);
    this.isOverloaded = true;
    return error;
  }

  private async create(bytes: Buffer, { call, caller, stop }: PendingCall): Promise<Buffer> {
    const workload = await this.options.authenticator.authenticate(bearerToken(call));
    if (stop.aborted) throw new IdentityError('ERR_CANCELLED', 'the caller has gone');
    // After the token: whoever has no good one learns nothing about the rest of its request.
    const request = decodeCertificateRequest(bytes);
    const leafPem = await issueLeaf(this.options, workload, request, { ...caller, signal: stop });
    return encodeCertificateResponse(leafPem, this.options.authority.issuersPem);
  }

  private observe(code: ErrorCode | 'OK', startedAtMs: number): void {
    const seconds = (performance.now() - startedAtMs) / 1000;
    this.metrics.histogram(Metric.certificateRequestSeconds, { code }).observe(seconds);
  }

  private logRefusal(error: unknown, { connection, clusterId }: CallerTrace): void {
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

function tooLate(timeoutMs: number): IdentityError {
  return new IdentityError('ERR_CITADEL_DEADLINE', `the certificate was not ready after ${timeoutMs} ms`);
}
