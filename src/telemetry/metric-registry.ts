import type { CounterDefinition, GaugeDefinition, HistogramDefinition, MetricDefinition } from './metric-names.js';

/** What tells series of one metric apart. Values from a small, closed set: each combination costs memory for ever. */
export type MetricLabels = Readonly<Record<string, string>>;

/** A sum that only grows. */
export class Counter {
  private total = 0;

  get value(): number {
    return this.total;
  }

  add(amount = 1): void {
    this.total += amount;
  }
}

/** A number as it is now. */
export class Gauge {
  private now = 0;

  get value(): number {
    return this.now;
  }

  set(value: number): void {
    this.now = value;
  }

  /** For a gauge of what comes and goes; `amount` may be negative. */
  add(amount: number): void {
    this.now += amount;
  }
}

/** How often which sizes came. */
export class Histogram {
  private readonly counts: number[];
  private total = 0;

  constructor(readonly bounds: readonly number[]) {
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  get sum(): number {
    return this.total;
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** How many were at most each bound; the last entry, above all bounds, is the count of all. */
  get cumulative(): readonly number[] {
    let sum = 0;
    return this.counts.map((count) => {
      sum += count;
      return sum;
    });
  }

  observe(value: number): void {
    const { bounds } = this;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] ?? 0)) at += 1;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.total += value;
  }
}

/** One series of a metric, to be read. */
export interface MetricSeries {
  readonly definition: MetricDefinition;
  readonly labels: MetricLabels;
  readonly metric: Counter | Gauge | Histogram;
}

/**
 * The metrics of one process. Rooms ask for theirs once, at start, and keep them: counting is an addition, nothing is
 * looked up. The same definition and labels give the same metric.
 */
export class MetricRegistry {
  private readonly known = new Map<string, MetricSeries>();
  /** The same by the labels in the order in which a caller names them, for those who ask while they count. */
  private readonly asNamed = new Map<MetricDefinition, Map<string, MetricSeries['metric']>>();

  counter(definition: CounterDefinition, labels: MetricLabels = {}): Counter {
    return this.metric(definition, labels, () => new Counter());
  }

  gauge(definition: GaugeDefinition, labels: MetricLabels = {}): Gauge {
    return this.metric(definition, labels, () => new Gauge());
  }

  histogram(definition: HistogramDefinition, labels: MetricLabels = {}): Histogram {
    return this.metric(definition, labels, () => new Histogram(definition.bounds));
  }

  /** All series, in the order in which they were first asked for. */
  series(): readonly MetricSeries[] {
    return [...this.known.values()];
  }

  private metric<T extends MetricSeries['metric']>(
    definition: MetricDefinition,
    labels: MetricLabels,
    make: () => T,
  ): T {
    let named = this.asNamed.get(definition);
    if (named === undefined) {
      named = new Map();
      this.asNamed.set(definition, named);
    }
    let text = '';
    for (const name in labels) text += `${name}\n${labels[name]}\n`;
    // A name has one kind, so what is known under it is of the class that `make` makes.
    const known = named.get(text) as T | undefined;
    if (known !== undefined) return known;
    const metric = this.metricOf(definition, labels, make);
    named.set(text, metric);
    return metric;
  }

  private metricOf<T extends MetricSeries['metric']>(
    definition: MetricDefinition,
    labels: MetricLabels,
    make: () => T,
  ): T {
    const key = JSON.stringify([definition.name, ...Object.entries(labels).sort()]);
    const known = this.known.get(key);
    if (known !== undefined) return known.metric as T;
    const metric = make();
    this.known.set(key, { definition, labels, metric });
    return metric;
  }
}
