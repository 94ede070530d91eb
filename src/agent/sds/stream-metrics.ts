import { type Counter, type Gauge, type Histogram, Metric, type MetricRegistry } from '../../telemetry/index.js';
import type { Contents } from './contents.js';
import { STREAM_METHODS, type StreamMethod } from './methods.js';
import type { NameLabels } from './name-labels.js';
import { type EndedRollout, Rollouts } from './rollouts.js';
import type { SecretKind } from './secret-kind.js';
import type { RequestMeaning } from './subscription.js';
import type { Outstanding } from './subscription-state.js';

/** Of requests: what they say, or that they are for a type that we do not serve. */
type RequestKind = RequestMeaning['kind'] | 'foreign';

/** What is counted of the streams of a server. Every series has labels from closed sets. */
export class StreamMetrics {
  private readonly registry: MetricRegistry;
  private readonly streams: ReadonlyMap<StreamMethod, Gauge>;
  private readonly labels: NameLabels;
  private readonly rollouts: Rollouts;
  private readonly requests: Readonly<Record<RequestKind, Counter>>;
  private readonly responses: ReadonlyMap<string, Counter>;
  private readonly ackSeconds: Histogram;
  private readonly linesWithheld: Counter;

  constructor(
    registry: MetricRegistry,
    labels: NameLabels,
    isPushing: () => boolean,
    onRollout?: (rollout: EndedRollout) => void,
  ) {
    this.registry = registry;
    this.labels = labels;
    this.streams = new Map(
      STREAM_METHODS.map((method) => [method, registry.gauge(Metric.sdsStreams, { method: method.name })]),
    );
    const verdict = (kind: RequestKind): Counter => registry.counter(Metric.sdsRequests, { verdict: kind });
    this.requests = {
      ...{ initial: verdict('initial'), ack: verdict('ack'), nack: verdict('nack') },
      ...{ stale: verdict('stale'), idle: verdict('idle'), repeat: verdict('repeat'), foreign: verdict('foreign') },
    };
    this.responses = new Map(labels.all().map((name) => [name, registry.counter(Metric.sdsResponses, { name })]));
    this.ackSeconds = registry.histogram(Metric.sdsAckSeconds);
    this.linesWithheld = registry.counter(Metric.sdsLinesWithheld);
    this.rollouts = new Rollouts(isPushing, (rollout) => {
      const { name, startedAtMs, lastAckAtMs } = rollout;
      if (lastAckAtMs !== undefined) {
        registry.histogram(Metric.sdsRolloutSeconds, { name }).observe((lastAckAtMs - startedAtMs) / 1000);
      }
      onRollout?.(rollout);
    });
  }

  opened(method: StreamMethod): void {
    this.streams.get(method)?.add(1);
  }

  closed(method: StreamMethod): void {
    this.streams.get(method)?.add(-1);
  }

  request(kind: RequestKind): void {
    this.requests[kind].add();
  }

  sent(contents: Contents, cause: Outstanding['cause'], nowMs: number): void {
    for (const [name, { version }] of contents) {
      const label = this.labels.of(name);
      this.responses.get(label)?.add();
      if (cause === 'change') this.rollouts.pushed(label, version, nowMs);
    }
  }

  acked(answered: Outstanding, nowMs: number): void {
    this.ackSeconds.observe((nowMs - answered.sentAtMs) / 1000);
    this.settled(answered, nowMs);
  }

  rejected(answered: Outstanding, blames: SecretKind | undefined): void {
    for (const name of answered.contents.keys()) {
      const labels = { name: this.labels.of(name), blames: blames ?? 'unknown' };
      this.registry.counter(Metric.sdsRejections, labels).add();
    }
    this.settled(answered);
  }

  /** A response is no longer on its way; `ackedAtMs` only when it has arrived. */
  settled({ cause, contents }: Outstanding, ackedAtMs?: number): void {
    if (cause !== 'change') return;
    for (const [name, { version }] of contents) this.rollouts.settled(this.labels.of(name), version, ackedAtMs);
  }

  unanswered(verdict: 'late' | 'dead'): void {
    this.registry.counter(Metric.sdsUnanswered, { outcome: verdict }).add();
  }

  lineWithheld(): void {
    this.linesWithheld.add();
  }

  checkTime(): void {
    this.rollouts.checkTime();
  }
}
