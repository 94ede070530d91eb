import { CancelSource } from '../cancellation/index.js';
import { messageOf } from '../errors/index.js';
import {
  type Counter,
  Field,
  type Logger,
  Metric,
  type MetricRegistry,
  RateLimitedLogger,
} from '../telemetry/index.js';
import { sleep, unreferencedTime } from '../timers/index.js';
import { encodeTraces, type SpanSource } from './otlp-codec.js';
import { OtlpConnection, type OtlpEndpoint } from './otlp-post.js';
import type { EndedSpan } from './spans.js';

export interface SpanExporterOptions {
  readonly endpoint: OtlpEndpoint;
  readonly source: SpanSource;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** In [0, 1). */
  readonly random: () => number;
  /** How long a span waits for others to go with it; left out, 5 s. */
  readonly delayMs?: number;
}

/** As OpenTelemetry has it (OTEL_BSP_MAX_QUEUE_SIZE): some 2 MB at most. */
const MAX_QUEUED = 2048;

/** A request of 128 spans is encoded in some 2 ms, for which all else waits. */
const MAX_BATCH = 128;

/** As OpenTelemetry has it (OTEL_BSP_SCHEDULE_DELAY). */
const DELAY_MS = 5000;

/** Of one batch, half a minute in all; a collector that is away for longer has lost it. */
const MAX_TRIES = 5;
const FIRST_PAUSE_MS = 1000;

/** A collector that wants to be left alone for longer has lost the batch. */
const MAX_PAUSE_MS = 30_000;

/** Of the 4.5 s that a shutdown may take, for what has not been sent by then. */
const LAST_MS = 1000;

/**
 * Sends spans to a collector, in batches, one at a time. The queue is bounded, and what has no room in it is dropped
 * and counted: an issuance never waits for a collector, and never fails by one.
 */
export class SpanExporter {
  private readonly queue: EndedSpan[] = [];
  private readonly connection: OtlpConnection;
  private readonly exported: Counter;
  private readonly log: RateLimitedLogger;
  private readonly closing = new CancelSource();
  private readonly aborting = new CancelSource();
  private cancelTimer: (() => void) | undefined;
  private sending: Promise<void> | undefined;
  private isFailing = false;

  constructor(private readonly options: SpanExporterOptions) {
    this.connection = new OtlpConnection(options.endpoint);
    this.exported = options.metrics.counter(Metric.traceSpansExported);
    // From the beginning, at zero.
    for (const reason of ['queue_full', 'not_sent', 'rejected'] as const) this.dropped(reason, 0);
    this.log = new RateLimitedLogger(options.logger);
  }

  /** Takes a span that is over. Never throws. */
  add(span: EndedSpan): void {
    if (this.queue.length >= MAX_QUEUED || this.closing.isCancelled) {
      this.dropped('queue_full', 1);
      return;
    }
    this.queue.push(span);
    if (this.queue.length >= MAX_BATCH) this.send();
    else this.cancelTimer ??= unreferencedTime.after(this.options.delayMs ?? DELAY_MS, () => this.send());
  }

  /** Sends what is left, for a second at most. Safe to call twice. */
  async close(): Promise<void> {
    this.closing.cancel();
    this.send();
    const stop = unreferencedTime.after(LAST_MS, () => this.aborting.cancel());
    while (this.sending !== undefined) await this.sending;
    stop();
    await this.connection.close();
  }

  private send(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.sending ??= this.sendAll().finally(() => {
      this.sending = undefined;
      // One may have come after the last look at the queue.
      if (this.queue.length > 0) this.send();
    });
  }

  /** Never rejects. */
  private async sendAll(): Promise<void> {
    while (this.queue.length > 0) {
      const batch = this.queue.splice(0, MAX_BATCH);
      try {
        await this.deliver(batch);
      } catch (error) {
        // Settings that Node's client cannot take, such as roots that are none.
        this.failed(messageOf(error));
        this.dropped('not_sent', batch.length);
      }
    }
  }

  private async deliver(batch: readonly EndedSpan[]): Promise<void> {
    const body = encodeTraces(this.options.source, batch);
    for (let tries = 1; ; tries += 1) {
      const answer = await this.connection.post(body, this.aborting);
      if (answer.kind === 'taken') {
        this.taken(batch.length, Math.min(answer.rejectedSpans, batch.length));
        return;
      }
      this.failed(answer.reason);
      const pauseMs = this.pauseMs(tries, answer.retryAfterMs);
      const isWorthMore = answer.isTransient && tries < MAX_TRIES && pauseMs <= MAX_PAUSE_MS;
      if (isWorthMore) await sleep(pauseMs, [this.closing], unreferencedTime);
      if (!isWorthMore || this.closing.isCancelled) {
        this.dropped('not_sent', batch.length);
        return;
      }
    }
  }

  /** Twice as long each time, give or take a half: a thousand agents have lost the same collector. */
  private pauseMs(tries: number, retryAfterMs = 0): number {
    return Math.max(retryAfterMs, FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + this.options.random()));
  }

  private taken(count: number, rejected: number): void {
    this.exported.add(count - rejected);
    if (rejected > 0) {
      this.dropped('rejected', rejected);
      this.log.warn('the collector has rejected spans', { [Field.count]: rejected }, 'rejected');
    }
    if (!this.isFailing) return;
    this.isFailing = false;
    this.options.logger.info('traces reach the collector again', this.where());
  }

  private failed(reason: string): void {
    this.isFailing = true;
    this.log.warn('traces do not reach the collector', { ...this.where(), [Field.reason]: reason }, 'failed');
  }

  private dropped(reason: 'queue_full' | 'not_sent' | 'rejected', count: number): void {
    this.options.metrics.counter(Metric.traceSpansDropped, { reason }).add(count);
  }

  private where() {
    return { [Field.address]: this.options.endpoint.url.host };
  }
}
