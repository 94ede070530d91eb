import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { type Counter, type Gauge, Metric, type MetricRegistry } from '../telemetry/index.js';

/** How often the event loop is looked at: delays from here on are seen, for fifty wake-ups a second. */
const RESOLUTION_MS = 20;

/** Microseconds in a second, and nanoseconds in a millisecond. */
const MILLION = 1e6;

/** What the process itself costs, and how late its event loop is. The caller closes it. */
export class ProcessMetrics {
  private readonly cpu: Counter;
  private readonly memory: Gauge;
  private readonly delays: readonly { readonly percentile: number; readonly gauge: Gauge }[];
  private readonly delay: IntervalHistogram;

  constructor(registry: MetricRegistry) {
    this.cpu = registry.counter(Metric.processCpuSeconds);
    this.memory = registry.gauge(Metric.processMemoryBytes);
    registry.gauge(Metric.processStartSeconds).set(performance.timeOrigin / 1000);
    this.delays = [50, 99, 100].map((percentile) => ({
      percentile,
      gauge: registry.gauge(Metric.eventLoopDelaySeconds, { percentile: String(percentile) }),
    }));
    this.delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.delay.enable();
  }

  /** Brings all up to now. The delays are those since the last time. */
  collect(): void {
    const { user, system } = process.cpuUsage();
    this.cpu.add((user + system) / MILLION - this.cpu.value);
    this.memory.set(process.memoryUsage.rss());
    const hasSamples = this.delay.count > 0;
    for (const { percentile, gauge } of this.delays) {
      // Node measures from one wake-up to the next, the wanted pause among it.
      const delayMs = hasSamples ? this.delay.percentile(percentile) / MILLION - RESOLUTION_MS : 0;
      gauge.set(Math.max(0, delayMs) / 1000);
    }
    this.delay.reset();
  }

  close(): void {
    this.delay.disable();
  }
}
