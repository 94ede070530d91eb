import type { Span, SpanStart, Tracer } from '../telemetry/index.js';
import type { Sampler } from './sampler.js';
import { type EndedSpan, newTraceId, RecordedSpan, UnrecordedSpan } from './spans.js';
import { readTraceparent } from './trace-context.js';

/** Begins the traces of this process, and goes on with those of its callers. */
export class SamplingTracer implements Tracer {
  /** `ended` gets each recorded span when it is over. */
  constructor(
    private readonly sampler: Sampler,
    private readonly ended: (span: EndedSpan) => void,
  ) {}

  begin(name: string, start: SpanStart = {}): Span {
    return this.span(name, start, { traceId: newTraceId(), parentSpanId: undefined }, this.sampler.begins());
  }

  serve(name: string, traceparents: readonly string[], start: SpanStart = {}): Span {
    const caller = readTraceparent(traceparents);
    if (caller === undefined) return this.begin(name, start);
    const { traceId, spanId: parentSpanId, isSampled } = caller;
    return this.span(name, start, { traceId, parentSpanId }, this.sampler.follows(isSampled));
  }

  private span(
    name: string,
    start: SpanStart,
    place: { readonly traceId: string; readonly parentSpanId: string | undefined },
    isRecorded: boolean,
  ): Span {
    return isRecorded ? new RecordedSpan(name, place, start, this.ended) : new UnrecordedSpan(place.traceId);
  }
}
