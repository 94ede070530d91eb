/**
 * telemetry: what an operator sees of us. The logger interface that every room takes, its sink and the forms of a
 * line, the names of the fields, what is cut out of foreign text, the metrics with their names and their text for
 * Prometheus, and what the rooms see of traces.
 */
export { Field, type LogFields } from './fields.js';
export { IstioMetric } from './istio-metric-names.js';
export { jsonLine, type LineFormat, textLine } from './line-formats.js';
export { createLineLogger } from './line-logger.js';
export { LogThreshold } from './log-threshold.js';
export { LOG_LEVELS, type Logger, type LogLevel, silentLogger } from './logger.js';
export { type CounterDefinition, type GaugeDefinition, Metric, type MetricDefinition } from './metric-names.js';
export {
  Counter,
  Gauge,
  Histogram,
  type MetricLabels,
  MetricRegistry,
  type MetricSeries,
} from './metric-registry.js';
export { PROMETHEUS_CONTENT_TYPE, prometheusText } from './prometheus-text.js';
export { RateLimitedLogger } from './rate-limited-logger.js';
export { redact } from './redact.js';
export { inSpan, type Span, type SpanAttributes, type SpanStart, type Tracer } from './span.js';
export type { RepeatedEvent } from './summed-lines.js';
