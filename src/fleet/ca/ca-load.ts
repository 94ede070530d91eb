import { CancelSource } from '../../cancellation/index.js';
import { CallFailure, type GrpcClient, status } from '../../net/grpc/index.js';
import { type FailureKind, retryDelayMs, sleep } from '../../timers/index.js';
import { LoopDelay } from '../measure/loop-delay.js';
import { AnswerChecks } from './answer-checks.js';
import { CaConnections, type CaTarget } from './ca-connections.js';
import type { CaLoadObserver, CaLoadOptions, CaLoadState } from './ca-load-options.js';
import { CallTimes } from './call-times.js';
import type { CallerMaterial } from './caller-material.js';

const CREATE_CERTIFICATE = '/istio.v1.auth.IstioCertificateService/CreateCertificate';

/** The one timer of an open loop: requests that are due together are sent together. */
const TICK_MS = 1;
const PROGRESS_MS = 200;
const SLICE_MS = 1000;

/** Of an open loop whose CA does not answer: more are not sent, and counted. */
const MAX_IN_FLIGHT = 20_000;

/** So many failures before the first certificate, each of a kind that no waiting mends, end the run. */
const HOPELESS_AFTER = 20;

const HOPELESS: ReadonlySet<status> = new Set([
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
  status.INVALID_ARGUMENT,
  status.UNIMPLEMENTED,
]);

/**
 * A CA that is away for so long is so for the run. Not sooner: one that many connections reach at once resets some
 * before the first of them has a certificate.
 */
const AWAY_FOR_GOOD_MS = 5000;

/** A closed loop does not go round without a pause while its CA is away. */
const AWAY_PAUSE_MS = 100;

/** Why a run ended. `refused`: the CA has given no certificate, and trying again does not help. */
export type CaLoadOutcome = 'done' | 'stopped' | 'refused';

export interface CaLoadParts {
  readonly target: CaTarget;
  readonly material: CallerMaterial;
  readonly observer: CaLoadObserver;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** Requests for certificates, one after the other or at a rate. Once `done` has resolved, all is closed. */
export class CaLoad {
  readonly times: CallTimes;
  readonly checks: AnswerChecks;
  readonly loopDelay = new LoopDelay();
  readonly connections: CaConnections;
  readonly startedAtMs: number;
  /** When the last request was over. */
  endedAtMs = 0;
  readonly done: Promise<CaLoadOutcome>;
  private readonly ending = new CancelSource();
  private readonly underWay = new Set<Promise<unknown>>();
  private readonly beganAtMs: number;
  private outcome: CaLoadOutcome = 'done';
  private inFlight = 0;

  constructor(
    private readonly options: CaLoadOptions,
    private readonly parts: CaLoadParts,
  ) {
    this.connections = new CaConnections(parts.target, options.connections);
    this.checks = new AnswerChecks(parts.now);
    this.beganAtMs = parts.now();
    this.startedAtMs = performance.now();
    this.times = new CallTimes(this.startedAtMs);
    this.done = this.run();
  }

  /** Ends the run. Safe to call twice. */
  stop(outcome: CaLoadOutcome = 'stopped'): void {
    if (this.ending.isCancelled) return;
    this.outcome = outcome;
    this.ending.cancel();
  }

  get state(): CaLoadState {
    const { times, inFlight } = this;
    const elapsedMs = performance.now() - this.startedAtMs;
    return { elapsedMs, begun: times.begun, inFlight, issued: times.issuedMs.length, failed: times.failed };
  }

  private async run(): Promise<CaLoadOutcome> {
    const progress = setInterval(() => this.parts.observer.progress(this.state), PROGRESS_MS);
    const slices = setInterval(() => this.loopDelay.cut(performance.now() - this.startedAtMs), SLICE_MS);
    const { rate, concurrency } = this.options;
    try {
      if (rate === undefined) await Promise.all(Array.from({ length: concurrency }, () => this.inTurn()));
      else await this.atRate(rate);
      await Promise.all(this.underWay);
    } finally {
      this.ending.cancel();
      this.endedAtMs = performance.now();
      clearInterval(progress);
      clearInterval(slices);
      this.loopDelay.cut(this.endedAtMs - this.startedAtMs);
      this.loopDelay.stop();
      this.connections.close();
    }
    this.checks.finish();
    return this.outcome;
  }

  /** Whether another request is to begin. */
  private get isOpen(): boolean {
    const { requests = Number.POSITIVE_INFINITY, durationMs } = this.options;
    const hasTime = performance.now() - this.startedAtMs < durationMs;
    return hasTime && this.times.begun + this.times.unsent < requests && !this.ending.isCancelled;
  }

  /** One caller of a closed loop: it asks again as soon as it has an answer. */
  private async inTurn(): Promise<void> {
    while (this.isOpen) {
      const failure = await this.request(performance.now());
      const hasIssued = this.times.lastIssuedAtMs !== undefined;
      if (failure !== undefined && (!hasIssued || failure.code === status.UNAVAILABLE)) {
        await sleep(AWAY_PAUSE_MS, [this.ending]);
      }
    }
  }

  /** An open loop: what is due begins, whatever becomes of what began before. */
  private async atRate(rate: number): Promise<void> {
    const { times } = this;
    while (this.isOpen) {
      const due = Math.floor(((performance.now() - this.startedAtMs) / 1000) * rate) + 1;
      for (let next = times.begun + times.unsent; next < due && this.isOpen; next += 1) {
        if (this.inFlight >= MAX_IN_FLIGHT) {
          times.unsent += 1;
          continue;
        }
        const request: Promise<unknown> = this.request(this.startedAtMs + (next * 1000) / rate);
        this.underWay.add(request);
        void request.then(() => this.underWay.delete(request));
      }
      await sleep(TICK_MS, [this.ending]);
    }
  }

  /** One certificate, with further attempts where those are asked for; or the last failure. Never rejects. */
  private async request(dueAtMs: number): Promise<CallFailure | undefined> {
    const { times, options, parts } = this;
    const number = times.begun;
    times.began(performance.now());
    this.inFlight += 1;
    let beganAtMs = dueAtMs;
    let failure: CallFailure | undefined;
    for (let failures = 0; ; failures += 1) {
      failure = await this.attempt(number, beganAtMs);
      if (failure === undefined) times.completedMs.push(performance.now() - dueAtMs);
      if (failure === undefined || !options.retries || this.ending.isCancelled) break;
      const kind = kindOf(failure);
      const notSoonerMs = failure.retryAfterMs ?? 0;
      const delayMs = retryDelayMs({ kind, failures, remainingMs: 0, notSoonerMs }, parts.random());
      await sleep(delayMs, [this.ending]);
      if (this.ending.isCancelled) break;
      beganAtMs = performance.now();
    }
    this.inFlight -= 1;
    return failure;
  }

  /** The failure, if it is one. */
  private async attempt(number: number, beganAtMs: number): Promise<CallFailure | undefined> {
    const { times, options, parts } = this;
    const { tokens, requests } = parts.material;
    const token = tokens[number % tokens.length];
    const request = requests[number % requests.length];
    if (token === undefined || request === undefined) throw new RangeError('expected a token and a request');
    let client: GrpcClient | undefined;
    try {
      client = options.hasNewConnections ? this.connections.dial() : this.connections.inTurn();
      const bytes = await this.call(client, request.message, token.bearer);
      times.issued(performance.now() - beganAtMs, performance.now());
      this.checks.add(bytes, token, request);
      return undefined;
    } catch (error) {
      const failure = error instanceof CallFailure ? error : new CallFailure(status.INTERNAL, String(error));
      // Those that were under way when the run was stopped are none.
      if (!this.ending.isCancelled) times.refused(failure, performance.now() - beganAtMs, performance.now());
      this.endIfHopeless(failure);
      return failure;
    } finally {
      if (options.hasNewConnections) client?.close();
    }
  }

  private call(client: GrpcClient, message: Buffer, authorization: string): Promise<Buffer> {
    const { clusterId, timeoutMs } = this.options;
    return client.unary(CREATE_CERTIFICATE, message, {
      metadata: { authorization, clusterid: clusterId },
      deadlineMs: this.parts.now() + timeoutMs,
      signal: this.ending,
    });
  }

  private endIfHopeless({ code }: CallFailure): void {
    const { lastIssuedAtMs, failed } = this.times;
    if (lastIssuedAtMs !== undefined || failed < HOPELESS_AFTER) return;
    if (HOPELESS.has(code) || (code === status.UNAVAILABLE && this.isAwayForGood)) this.stop('refused');
  }

  /** An agent tries for ever: with further attempts only the duration ends the run. */
  private get isAwayForGood(): boolean {
    return !this.options.retries && this.parts.now() - this.beganAtMs >= AWAY_FOR_GOOD_MS;
  }
}

/** As an agent tells them. */
function kindOf({ code }: CallFailure): FailureKind {
  if (code === status.RESOURCE_EXHAUSTED) return 'overloaded';
  return HOPELESS.has(code) ? 'refused' : 'away';
}
