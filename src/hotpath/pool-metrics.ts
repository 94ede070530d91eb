import { type Counter, type Gauge, type Histogram, Metric, type MetricRegistry } from '../telemetry/index.js';
import type { Operation } from './implementation.js';

/** What a pool counts. */
export class PoolMetrics {
  readonly queueLength: Gauge;
  readonly refused: Counter;
  readonly cancelled: Counter;
  readonly threadsHung: Counter;
  readonly threadsFailed: Counter;
  private readonly ofOperation: Readonly<Record<Operation, OperationMetrics>>;

  constructor(registry: MetricRegistry) {
    this.queueLength = registry.gauge(Metric.hotPathQueueLength);
    this.refused = registry.counter(Metric.hotPathRefused);
    this.cancelled = registry.counter(Metric.hotPathCancelled);
    this.threadsHung = registry.counter(Metric.hotPathThreadsLost, { reason: 'hung' });
    this.threadsFailed = registry.counter(Metric.hotPathThreadsLost, { reason: 'failed' });
    const of = (operation: Operation): OperationMetrics => ({
      waitSeconds: registry.histogram(Metric.hotPathWaitSeconds, { operation }),
      runSeconds: registry.histogram(Metric.hotPathRunSeconds, { operation }),
      batchSize: registry.histogram(Metric.hotPathBatchSize, { operation }),
    });
    this.ofOperation = { prepare: of('prepare'), seal: of('seal'), issue: of('issue') };
  }

  of(op: Operation): OperationMetrics {
    return this.ofOperation[op];
  }
}

interface OperationMetrics {
  readonly waitSeconds: Histogram;
  readonly runSeconds: Histogram;
  readonly batchSize: Histogram;
}
