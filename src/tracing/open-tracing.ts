import type { Logger, MetricRegistry, Tracer } from '../telemetry/index.js';
import { IssuanceTraces } from './issuance-traces.js';
import type { OtlpEndpoint } from './otlp-post.js';
import { Sampler, type SamplerOptions } from './sampler.js';
import { SamplingTracer } from './sampling-tracer.js';
import { SpanExporter } from './span-exporter.js';

export interface TracingOptions extends SamplerOptions {
  readonly endpoint: OtlpEndpoint;
  /** The attributes of the process: `service.name` and what else tells it from others. */
  readonly resource: Readonly<Record<string, string>>;
  /** Of this program. */
  readonly version: string;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

export interface OpenedTracing {
  readonly tracer: Tracer;
  /** For an agent. */
  readonly issuances: IssuanceTraces;
  /** Sends what is left, for a second at most. Safe to call twice. */
  close(): Promise<void>;
}

/** Makes a tracer whose spans go to a collector. Nothing is dialled before the first span is over. */
export function openTracing({ resource, version, ...options }: TracingOptions): OpenedTracing {
  const exporter = new SpanExporter({ ...options, source: { resource, version } });
  const tracer = new SamplingTracer(new Sampler(options), (span) => exporter.add(span));
  return { tracer, issuances: new IssuanceTraces(tracer), close: () => exporter.close() };
}
