import { errorCodeOf } from '../../errors/index.js';
import {
  Field,
  type Histogram,
  type Logger,
  Metric,
  type MetricRegistry,
  RateLimitedLogger,
} from '../../telemetry/index.js';
import { type AdmissionRequest, podName, readReview } from './admission-review.js';
import { type Decision, type DecisionRules, decide } from './decide.js';
import { encodeAnswer } from './review-answer.js';
import type { ReviewResponse } from './review-server.js';

export interface ReviewServiceOptions {
  readonly rules: DecisionRules;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What became of a request: a closed set, for the metric. */
const RESULTS = ['injected', 'skipped', 'denied', 'invalid', 'failed'] as const;

type Result = (typeof RESULTS)[number];

/**
 * About pods that are made: a controller may make hundreds in a minute, and any process of the cluster may send us
 * reviews, as many as it likes.
 */
const POD_LINES = { linesPerMinute: 1000, linesPerCause: 1000 };

/** Answers reviews, and says so in log and metrics. Keeps nothing of them. */
export class ReviewService {
  private readonly log: RateLimitedLogger;
  private readonly pods: RateLimitedLogger;
  private readonly seconds: Readonly<Record<Result, Histogram>>;

  constructor(private readonly options: ReviewServiceOptions) {
    const { logger, now, metrics } = options;
    this.log = new RateLimitedLogger(logger, now);
    this.pods = new RateLimitedLogger(logger, now, POD_LINES);
    const entries = RESULTS.map((result) => [result, metrics.histogram(Metric.injectionSeconds, { result })]);
    this.seconds = Object.fromEntries(entries) as Record<Result, Histogram>;
  }

  /** How many requests ended in each way. */
  get counts(): Readonly<Record<Result, number>> {
    return Object.fromEntries(RESULTS.map((result) => [result, this.seconds[result].count])) as Record<Result, number>;
  }

  /** The answer to the body of a request. Never throws. */
  answer(body: Buffer): ReviewResponse {
    const startedAtMs = performance.now();
    const { result, response } = this.answered(body);
    this.seconds[result].observe((performance.now() - startedAtMs) / 1000);
    return response;
  }

  private answered(body: Buffer): { result: Result; response: ReviewResponse } {
    const reading = readReview(body);
    if ('problem' in reading) {
      this.log.warn('admission review cannot be read', { [Field.reason]: reading.problem });
      return { result: 'invalid', response: { status: 400, body: Buffer.from(`${reading.problem}\n`) } };
    }
    const { request } = reading;
    try {
      const decision = decide(request, this.options.rules);
      this.tell(request, decision);
      return { result: decision.kind, response: { status: 200, body: encodeAnswer(request.uid, decision) } };
    } catch (error) {
      // A fault of ours must not decide what becomes of a pod: the webhook configuration says what does.
      this.options.logger.error('admission review failed', {
        [Field.resourceName]: podName(request),
        [Field.code]: errorCodeOf(error),
        [Field.error]: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      return { result: 'failed', response: { status: 500, body: Buffer.from('internal error\n') } };
    }
  }

  private tell(request: AdmissionRequest, decision: Decision): void {
    const pod = { [Field.resourceName]: podName(request) };
    switch (decision.kind) {
      case 'injected':
        this.pods.limitedInfo('pod injected', pod);
        break;
      case 'skipped':
        this.pods.limitedInfo('pod left as it is', { ...pod, [Field.reason]: decision.reason });
        break;
      case 'denied':
        this.log.warn('pod denied', { ...pod, [Field.reason]: decision.message });
        break;
      default:
        decision satisfies never;
    }
  }
}
