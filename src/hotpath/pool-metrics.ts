import { type Counter, type Gauge, type Histogram, Metric, type MetricRegistry } from '../telemetry/index.js';
import type { Operation } from './implementation.js';

/** Jobs that wait in a pool: some with a caller each, some without one yet. */
export type QueueName = 'needed' | 'ahead';

/** What a pool counts. */
export class PoolMetrics {
  readonly queueLength: Gauge;
  readonly refused: Counter;
  readonly cancelled: Counter;
  readonly threadsHung: Counter;
  readonly threadsFailed: Counter;
  private readonly ofOperation: Readonly<Record<Operation, OperationMetrics>>;

  constructor(registry: MetricRegistry, queue: QueueName) {
    this.queueLength = registry.gauge(Metric.hotPathQueueLength, { queue });
    this.refused = registry.counter(Metric.hotPathRefused, { queue });
    this.cancelled = registry.counter(Metric.hotPathCancelled, { queue });
    this.threadsHung = registry.counter(Metric.hotPathThreadsLost, { queue, reason: 'hung' });
    this.threadsFailed = registry.counter(Metric.hotPathThreadsLost, { queue, reason: 'failed' });
    const of = (operation: Operation): OperationMetrics => ({
      waitSeconds: registry.histogram(Metric.hotPathWaitSeconds, { queue, operation }),
      runSeconds: registry.histogram(Metric.hotPathRunSeconds, { queue, operation }),
      batchSize: registry.histogram(Metric.hotPathBatchSize, { queue, operation }),
    });
    this.ofOperation = { prepare: of('prepare'), seal: of('seal'), issue: of('issue'), draft: of('draft') };
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
