import { CancelSource } from '../../cancellation/index.js';
import { type ErrorCode, errorCodeOf, IdentityError, messageOf } from '../../errors/index.js';
import {
  type ArrivingCall,
  addUnaryMethod,
  type GrpcServer,
  type ServedCall,
  type StatusText,
  status,
} from '../../net/grpc/index.js';
import {
  Field,
  type Gauge,
  type Histogram,
  inSpan,
  type LogFields,
  type Logger,
  Metric,
  MetricRegistry,
  RateLimitedLogger,
  type Span,
  type Tracer,
} from '../../telemetry/index.js';
import { type DeadlineClock, Deadlines } from '../../timers/index.js';
import { type AuthenticatedWorkload, claimsOfBearer, impersonationRefused, quoted } from '../authn/index.js';
import type { SigningAuthority } from '../authority/index.js';
import { CALLER_METADATA, clusterId } from './caller-metadata.js';
import { callerHasGone, chargeRefusal, proveCaller } from './caller-proof.js';
import { decodeCertificateRequest, encodeCertificateResponse } from './certificate-codec.js';
import { type CallerTrace, callerFields, type IssuanceOptions, issueLeaf } from './certificate-issuance.js';
import { HeldLeaves } from './held-leaves.js';
import { IssuingShares, IssuingSlot, type PlaceRefusal } from './issuing-shares.js';
import { refusalOf } from './refusal.js';
import { RetrySlots } from './retry-slots.js';
import { endServerSpan, serverSpan, workloadAttributes } from './server-span.js';

export interface CertificateServiceOptions extends Omit<IssuanceOptions, 'authority'> {
  /** Asked at each call: the answer to one is of one authority. */
  readonly authority: () => SigningAuthority;
  readonly logger: Logger;
  /**
   * More calls at once are refused before anything is computed for them; a connection and an identity have shares of
   * it.
   */
  readonly maxInFlight?: number;
  /** For one call. Istio's agents set no deadline, so the server must. (reference: Istio 3.2, 6) */
  readonly requestTimeoutMs?: number;
  readonly metrics?: MetricRegistry;
  /** Left out, nothing is traced. */
  readonly tracer?: Tracer | undefined;
  /** In [0, 1); `Math.random` by default. */
  readonly random?: () => number;
  /** For the lines that sum up what an identity got; elapsed time by default. */
  readonly logClock?: DeadlineClock;
}

/** {@link addCertificateMethod} has opened it; who called that closes it, when the server has ended its calls. */
export interface CertificateMethod {
  /** Whether hardly any request that comes now would be served. */
  readonly isFull: boolean;
  /** Writes the sums of certificates that the log still lacks. */
  close(): void;
}

/** At 3 000 certificates per second they wait less than 0.1 s; agents come back by themselves, with jitter. */
const DEFAULT_MAX_IN_FLIGHT = 256;

/** The work is milliseconds: a caller that waits for this long is better served by another replica. */
const DEFAULT_REQUEST_TIMEOUT_MS = 5000;

const CREATE_CERTIFICATE = '/istio.v1.auth.IstioCertificateService/CreateCertificate';

/** The one method of `istio.v1.auth.IstioCertificateService`, wire-compatible with istiod's. */
export function addCertificateMethod(
  server: Pick<GrpcServer, 'addMethod'>,
  options: CertificateServiceOptions,
): CertificateMethod {
  const service = new CertificateService(options);
  const metadata = options.tracer === undefined ? CALLER_METADATA : [...CALLER_METADATA, 'traceparent'];
  addUnaryMethod(server, CREATE_CERTIFICATE, (bytes, call) => service.answer(bytes, call), {
    metadata,
    turnsAway: (call) => service.turnAway(call),
  });
  return service;
}

/** A call that has no answer yet. */
class PendingCall {
  readonly startedAtMs = performance.now();
  /** Cancelled when no caller waits any more: what has not begun by then is not signed. */
  readonly stop = new CancelSource();
  /** As soon as it is known. */
  workload: AuthenticatedWorkload | undefined;

  constructor(
    readonly call: ServedCall,
    readonly caller: CallerTrace,
    readonly place: IssuingSlot,
    readonly span: Span | undefined,
  ) {}
}

/** Why a call is refused. */
interface Reason {
  readonly code: ErrorCode;
  readonly reason: string;
}

class CertificateService implements CertificateMethod {
  private readonly metrics: MetricRegistry;
  private readonly inFlight: Gauge;
  private readonly deadlines: Deadlines<PendingCall>;
  private readonly shares: IssuingShares;
  private readonly held = new HeldLeaves();
  private readonly slots: RetrySlots;
  /** By the code of their outcome. */
  private readonly seconds = new Map<ErrorCode | 'OK', Histogram>();
  private readonly log: RateLimitedLogger;

  constructor(private readonly options: CertificateServiceOptions) {
    this.metrics = options.metrics ?? new MetricRegistry();
    this.inFlight = this.metrics.gauge(Metric.certificateRequestsInFlight);
    this.slots = new RetrySlots(options.random ?? Math.random);
    this.shares = new IssuingShares(options.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT, () =>
      this.slots.shareDelayMs(performance.now()),
    );
    this.log = new RateLimitedLogger(options.logger, options.now, { clock: options.logClock });
    const timeoutMs = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
    this.deadlines = new Deadlines(timeoutMs, (late) => {
      for (const pending of late) this.giveUp(pending, tooLate(timeoutMs));
    });
  }

  get isFull(): boolean {
    return this.shares.isFull;
  }

  /** Why the call is refused without a look at its message, for want of a place: as cheaply as may be. */
  turnAway(call: ArrivingCall): StatusText | undefined {
    const { held, options } = this;
    const refusal = this.shares.refusalFor(call.connection, () =>
      held.isClaimedRenewal(call.metadata('authorization'), options.now()),
    );
    return refusal && this.noPlace(refusal, call);
  }

  /** Answers the call, or refuses it when it has failed, run out of time or been cancelled. */
  answer(bytes: Buffer, call: ServedCall): void {
    const place = this.shares.enter(call.connection);
    if (!(place instanceof IssuingSlot)) {
      // The last one has gone since its header came.
      call.refuse(this.noPlace(place, call));
      return;
    }
    this.inFlight.set(this.shares.inFlight);
    const caller = traceOf(call);
    const span = this.spanOf(call, caller);
    const pending = new PendingCall(call, caller, place, span);
    this.deadlines.add(pending);
    call.onGone(() => this.giveUp(pending, callerHasGone()));
    void this.serve(bytes, pending);
  }

  close(): void {
    this.log.close();
  }

  /** Never rejects. */
  private async serve(bytes: Buffer, pending: PendingCall): Promise<void> {
    const { call, stop, startedAtMs } = pending;
    try {
      const response = await this.create(bytes, pending);
      if (!stop.isCancelled) {
        this.observe('OK', startedAtMs);
        this.slots.issued(performance.now());
        call.answer(response);
        if (pending.span !== undefined) endServerSpan(pending.span, 'OK', 0);
      }
    } catch (error) {
      this.giveUp(pending, error);
    } finally {
      this.deadlines.delete(pending);
      // The place is given back when the work has ended, not when we cease to wait for it: else it would bound nothing.
      pending.place.leave();
      this.inFlight.set(this.shares.inFlight);
    }
  }

  /** Refuses the call, unless that has been done already. */
  private giveUp(pending: PendingCall, error: unknown): void {
    if (pending.stop.isCancelled) return;
    pending.stop.cancel();
    chargeRefusal(pending.call, error);
    this.recordRefusal({ code: errorCodeOf(error), reason: messageOf(error) }, pending);
    this.refuse(pending, error);
  }

  private refuse({ call, startedAtMs, span }: PendingCall, error: unknown): void {
    const code = errorCodeOf(error);
    this.observe(code, startedAtMs);
    const refusal = refusalOf(error);
    const isFull = code === 'ERR_CITADEL_OVERLOADED' && refusal.retryAfterMs === undefined;
    call.refuse(isFull ? { ...refusal, retryAfterMs: this.slots.delayMs(performance.now()) } : refusal);
    if (span !== undefined) endServerSpan(span, code, refusal.code);
  }

  private spanOf(call: ArrivingCall, caller: CallerTrace): Span | undefined {
    const { tracer } = this.options;
    return tracer && serverSpan(tracer, call, caller);
  }

  /** Records that there is no place for a call, and gives what it is told. */
  private noPlace({ reason, retryAfterMs }: PlaceRefusal, call: ArrivingCall): StatusText {
    const caller = traceOf(call);
    const span = this.spanOf(call, caller);
    const nowMs = performance.now();
    const code = 'ERR_CITADEL_OVERLOADED';
    this.recordRefusal({ code, reason }, { call, caller, workload: undefined, span });
    this.observe(code, nowMs);
    if (span !== undefined) endServerSpan(span, code, status.RESOURCE_EXHAUSTED);
    return {
      code: status.RESOURCE_EXHAUSTED,
      details: reason,
      retryAfterMs: retryAfterMs ?? this.slots.delayMs(nowMs),
    };
  }

  private async create(bytes: Buffer, pending: PendingCall): Promise<Buffer> {
    const { call, caller, stop, place } = pending;
    const { log, options } = this;
    const { span } = pending;
    const proven = await inSpan(span, 'citadel.authenticate', async (part) => {
      const workload = await proveCaller(call, options, stop, part);
      part?.set({ 'sidecert.authenticated_by': workload.authenticatedBy });
      return workload;
    });
    pending.workload = proven;
    // After the token: a caller without a good one learns nothing about the rest of its request.
    const request = decodeCertificateRequest(bytes);
    const { impersonated } = request;
    const workload = impersonated === undefined ? proven : await this.impersonate(proven, impersonated.text);
    pending.workload = workload;
    span?.set(workloadAttributes(workload));
    if (stop.isCancelled) throw callerHasGone();
    // Of a node proxy each identity has its share, for it asks for all pods of its node.
    place.claimFor(workload.spiffeId.toString(), this.held.isRenewal(workload, options.now()));
    const authority = options.authority();
    const issuance = { ...options, authority, held: this.held };
    const isAlone = this.shares.inFlight === 1;
    const leafPem = await issueLeaf(issuance, workload, request, { ...caller, log, signal: stop, isAlone, span });
    return encodeCertificateResponse(leafPem, authority.issuersPemAt(options.now()));
  }

  private async impersonate(
    caller: AuthenticatedWorkload,
    identity: string | undefined,
  ): Promise<AuthenticatedWorkload> {
    const { impersonation } = this.options;
    if (impersonation !== undefined) return impersonation.authorize(caller, identity);
    throw impersonationRefused(`got ${quoted(identity)}, expected none: no account is trusted with it`);
  }

  private observe(code: ErrorCode | 'OK', startedAtMs: number): void {
    const seconds = (performance.now() - startedAtMs) / 1000;
    let histogram = this.seconds.get(code);
    if (histogram === undefined) {
      histogram = this.metrics.histogram(Metric.certificateRequestSeconds, { code });
      this.seconds.set(code, histogram);
    }
    histogram.observe(seconds);
  }

  /** In log, trail and on the status page. */
  private recordRefusal(
    { code, reason }: Reason,
    refused: Pick<PendingCall, 'caller' | 'workload' | 'span'> & { readonly call: ArrivingCall },
  ): void {
    const { call, caller, workload, span } = refused;
    const { connection, clusterId, address } = caller;
    /** What the token says of itself, verified or not. */
    const claimed = () => {
      const claims = claimsOfBearer(call.metadata('authorization'));
      return { [Field.claimedSubject]: claims?.subject, [Field.claimedPod]: claims?.podName };
    };
    const fields = (): LogFields => {
      return {
        [Field.code]: code,
        [Field.reason]: reason,
        [Field.address]: address,
        ...claimed(),
        [Field.connection]: connection,
        [Field.clusterId]: clusterId,
        [Field.traceId]: span?.traceId,
      };
    };
    const { logger, trail, recent } = this.options;
    if (code === 'ERR_CANCELLED') {
      if (logger.writesDebug) logger.debug('certificate request cancelled', fields());
      return;
    }
    // Agents come back ten times a second with what was refused: a line a minute for each reason and connection.
    this.log.warn('certificate refused', fields, `${code} ${connection}`);
    if (trail === undefined && recent === undefined) return;
    const spiffeId = workload?.spiffeId.toString();
    const refusal = { code, reason, spiffe_id: spiffeId, ...callerFields(caller, workload) };
    trail?.refused(refusal);
    recent?.refused({ ...refusal, ...claimed() });
  }
}

function traceOf(call: ArrivingCall): CallerTrace {
  return { connection: call.connection, clusterId: clusterId(call), address: call.networkPeer?.address };
}

function tooLate(timeoutMs: number): IdentityError {
  return new IdentityError('ERR_CITADEL_DEADLINE', `the certificate was not ready after ${timeoutMs} ms`);
}
