import { encodeHeaderBlock } from '../net/http2/index.js';
import { bearerValue } from '../pki/service-account/index.js';
import { Inspection } from './checks/inspection.js';
import { ContentMemory } from './checks/received-content.js';
import { FakeEnvoy } from './envoys/fake-envoy.js';
import type { FakeEnvoyBehaviour, FleetContext, Sleeper } from './envoys/fleet-context.js';
import { REFUSALS } from './envoys/refusal.js';
import { RetryQueue } from './envoys/retry-queue.js';
import type { FleetObserver, FleetOptions, FleetState } from './fleet-options.js';
import { LoopDelay } from './measure/loop-delay.js';
import { Recorder } from './measure/recorder.js';
import type { PingProbe } from './ping/ping-probe.js';
import type { FleetSockets } from './sockets/fleet-socket.js';
import { openSockets, type SocketsKind } from './sockets/open-sockets.js';
import { spiffePathOf } from './tokens.js';
import { NodeFiller, RequestWriter } from './xds/requests.js';
import { ResponseReader } from './xds/response-reader.js';

/** The one timer of a fleet. */
const TICK_MS = 20;
const PROGRESS_MS = 200;
const SLOW_MS = 1000;

/** Checks wait until nothing has come for this long, and then take so much of a tick. */
const QUIET_MS = 60;
const CHECK_BUDGET_MS = 10;

/** After the last rotation, for what it brings with it: its last ACKs on their way, a bundle beside a certificate. */
const LINGER_MS = 200;

const DEFAULT_ROTATIONS = 5;

/** Why a run ended. `refused`: the server wants none of the streams, and trying again does not help. */
export type FleetOutcome = 'done' | 'timeout' | 'stopped' | 'refused';

export interface FleetParts {
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly ping: PingProbe;
  readonly socketsKind: SocketsKind;
}

/** Thousands of fake Envoys against one socket. Once `done` has resolved, all is closed, and its notes are complete. */
export class Fleet {
  readonly recorder: Recorder;
  readonly inspection: Inspection;
  readonly loopDelay = new LoopDelay();
  /** When the first Envoy connects, so that none of our own preparations count. */
  readonly startedAtMs: number;
  /** Closed with the fleet. */
  readonly ping: PingProbe;
  readonly done: Promise<FleetOutcome>;
  readonly rotationsWanted: number;
  readonly socketsKind: SocketsKind;
  private readonly sockets: FleetSockets;
  private readonly envoys: FakeEnvoy[];
  private readonly retries: RetryQueue;
  private readonly sleepers: Sleeper[] = [];
  private readonly now: () => number;
  private readonly timer: NodeJS.Timeout;
  private finish: (outcome: FleetOutcome) => void = () => {};
  private started = 0;
  private churnDue = 0;
  private lastTickAtMs: number;
  private nextProgressAtMs: number;
  private nextWakeAtMs: number;
  private rotationsTold = 0;
  private isServedTold = false;
  private enoughSinceMs: number | undefined;

  constructor(
    private readonly options: FleetOptions,
    tokens: readonly string[],
    private readonly observer: FleetObserver,
    { random, now, ping, socketsKind }: FleetParts,
  ) {
    const { envoys, streams, misbehave, rotations, durationMs } = options;
    const badEnvoys = misbehave !== undefined && misbehave.kind !== 'churn' ? Math.ceil(envoys * misbehave.share) : 0;
    this.recorder = new Recorder(envoys, envoys - badEnvoys, streams);
    this.now = now;
    this.inspection = new Inspection(now);
    this.retries = new RetryQueue(random);
    this.socketsKind = socketsKind;
    this.sockets = openSockets(socketsKind);
    this.rotationsWanted = rotations ?? (durationMs === undefined ? DEFAULT_ROTATIONS : Number.POSITIVE_INFINITY);
    this.envoys = makeEnvoys(options, tokens, badEnvoys, this.context());
    this.ping = ping;
    this.startedAtMs = performance.now();
    this.lastTickAtMs = this.startedAtMs;
    this.nextProgressAtMs = this.startedAtMs;
    this.nextWakeAtMs = this.startedAtMs;
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.done = new Promise((resolve) => {
      this.finish = resolve;
    });
    this.tick();
  }

  /** Ends the run; `done` resolves with `outcome`. Safe to call twice. */
  async stop(outcome: FleetOutcome): Promise<void> {
    const endedAtMs = this.now();
    clearInterval(this.timer);
    this.loopDelay.stop();
    for (const envoy of this.envoys) envoy.close();
    this.sockets.close();
    await this.ping.close();
    this.inspection.finish(endedAtMs);
    this.finish(outcome);
  }

  get state(): FleetState {
    const { recorder, options } = this;
    const streams = recorder.measuredPerName * options.streams.length;
    let errors = 0;
    for (const count of recorder.errors.values()) errors += count;
    return {
      elapsedMs: performance.now() - this.startedAtMs,
      started: this.started,
      envoys: options.envoys,
      served: streams - recorder.unservedCount,
      streams,
      rotations: recorder.completeRotations,
      pushes: recorder.pushes,
      refusedConnects: recorder.refusedConnects,
      errors,
    };
  }

  private context(): FleetContext {
    const { socket, delta, streams, firstRequestBytes } = this.options;
    return {
      socketPath: socket,
      sockets: this.sockets,
      writers: new Map(streams.map((name) => [name, new RequestWriter(delta, name)])),
      filler: new NodeFiller(),
      firstRequestBytes,
      reader: new ResponseReader(delta),
      contents: new ContentMemory(),
      inspection: this.inspection,
      recorder: this.recorder,
      retries: this.retries,
      sleepers: this.sleepers,
    };
  }

  private tick(): void {
    const nowMs = performance.now();
    this.startDue(nowMs);
    this.retries.run(nowMs);
    this.churn(nowMs);
    if (nowMs >= this.nextWakeAtMs) {
      this.nextWakeAtMs = nowMs + SLOW_MS;
      for (const stream of this.sleepers.splice(0)) stream.wake();
    }
    if (nowMs - this.recorder.lastPushAtMs > QUIET_MS) this.inspection.work(CHECK_BUDGET_MS);
    if (nowMs >= this.nextProgressAtMs) {
      this.nextProgressAtMs = nowMs + PROGRESS_MS;
      this.loopDelay.cut(nowMs - this.startedAtMs);
      this.observer.progress(this.state);
    }
    this.tell();
    this.lastTickAtMs = nowMs;
    const outcome = this.outcome(nowMs);
    if (outcome !== undefined) void this.stop(outcome);
  }

  private startDue(nowMs: number): void {
    const { rampMs, envoys } = this.options;
    const share = rampMs === 0 ? 1 : Math.min(1, (nowMs - this.startedAtMs) / rampMs);
    for (; this.started < share * envoys; this.started += 1) this.envoys[this.started]?.start();
  }

  /** Who goes next is counted through, so that all have their turn. */
  private churn(nowMs: number): void {
    const { misbehave } = this.options;
    if (misbehave?.kind !== 'churn' || this.recorder.unservedCount > 0) return;
    const before = Math.floor(this.churnDue);
    this.churnDue += (misbehave.perSecond * (nowMs - this.lastTickAtMs)) / 1000;
    for (let turn = before; turn < Math.floor(this.churnDue); turn += 1) {
      this.envoys[turn % this.envoys.length]?.restart();
    }
  }

  private tell(): void {
    const { recorder, observer, startedAtMs } = this;
    if (recorder.allServedAtMs !== undefined && !this.isServedTold) {
      this.isServedTold = true;
      const tookMs = Math.round(recorder.allServedAtMs - startedAtMs);
      observer.milestone(`all ${this.state.streams} streams have their first secret after ${tookMs} ms`);
    }
    const complete = recorder.completeRotations;
    for (; this.rotationsTold < complete; this.rotationsTold += 1) {
      observer.milestone(`rotation ${this.rotationsTold + 1} has come to all streams`);
    }
  }

  /**
   * Whether all Envoys have started, no secret has come, and each stream has been refused for good. Tells the reason.
   */
  private isRefused(): boolean {
    const { recorder, options } = this;
    // Those that start later may have better tokens.
    if (recorder.pushes > 0 || this.started < options.envoys) return false;
    if (recorder.refusedStreams < options.envoys * options.streams.length) return false;
    const refusals = [...REFUSALS].filter((error) => recorder.errors.has(error));
    const reasons = refusals.map((error) => `${error}: ${recorder.errorDetails.get(error) ?? 'no reason given'}`);
    const hasTokens = options.tokensDirectory !== undefined || options.tokenFile !== undefined;
    const advice = hasTokens ? '' : '; --tokens and --token-file give the Envoys tokens';
    this.observer.milestone(`the server refuses all streams: ${reasons.join(', ')}${advice}`);
    return true;
  }

  private outcome(nowMs: number): FleetOutcome | undefined {
    const { durationMs, timeoutMs } = this.options;
    const { allServedAtMs, completeRotations } = this.recorder;
    if (nowMs - this.startedAtMs >= timeoutMs) return 'timeout';
    if (this.isRefused()) return 'refused';
    if (allServedAtMs === undefined) return undefined;
    const isOver = durationMs !== undefined && nowMs - allServedAtMs >= durationMs;
    if (isOver || completeRotations >= this.rotationsWanted) this.enoughSinceMs ??= nowMs;
    return this.enoughSinceMs !== undefined && nowMs - this.enoughSinceMs >= LINGER_MS ? 'done' : undefined;
  }
}

function makeEnvoys(
  options: FleetOptions,
  tokens: readonly string[],
  badEnvoys: number,
  context: FleetContext,
): FakeEnvoy[] {
  const { envoys, streams, misbehave } = options;
  const bad: FakeEnvoyBehaviour = misbehave === undefined || misbehave.kind === 'churn' ? 'good' : misbehave.kind;
  const blocks = new Map<string | undefined, Buffer>();
  return Array.from({ length: envoys }, (_, number) => {
    const token = tokens[number % Math.max(1, tokens.length)];
    const headerBlock = blocks.get(token) ?? callHeaders(options.delta, token);
    blocks.set(token, headerBlock);
    const isBad = spread(number, badEnvoys, envoys);
    return new FakeEnvoy(
      {
        number,
        behaviour: isBad ? bad : 'good',
        headerBlock,
        spiffePath: token === undefined ? undefined : spiffePathOf(token),
        streamNames: streams,
        hasBundleStream: streams.some(isBundleName),
        isConnectionPerStream: options.connections === 'per-stream',
      },
      context,
    );
  });
}

/** True for `part` of `whole` numbers, evenly spread. */
function spread(number: number, part: number, whole: number): boolean {
  return Math.floor(((number + 1) * part) / whole) > Math.floor((number * part) / whole);
}

/** ROOTCA is Istio's name; a trust domain's SPIFFE ID is SPIRE's. */
function isBundleName(name: string): boolean {
  return name === 'ROOTCA' || name.startsWith('file-root:') || /^spiffe:\/\/[^/]+$/.test(name);
}

function callHeaders(isDelta: boolean, token: string | undefined): Buffer {
  return encodeHeaderBlock([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', `/envoy.service.secret.v3.SecretDiscoveryService/${isDelta ? 'DeltaSecrets' : 'StreamSecrets'}`],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ['user-agent', 'sidecert-fleet'],
    ...(token === undefined ? [] : [['authorization', bearerValue(token)] as const]),
  ]);
}
