import type { Span, SpanStart, Tracer } from '../telemetry/index.js';
import { RandomIds } from './random-ids.js';
import type { Sampler } from './sampler.js';
import { type EndedSpan, RecordedSpan, type Recorder, UnrecordedSpan } from './spans.js';
import { readTraceparent } from './trace-context.js';

const TRACE_ID_BYTES = 16;

/** Begins the traces of this process, and goes on with those of its callers. */
export class SamplingTracer implements Tracer {
  private readonly recorder: Recorder;

  /** `ended` gets each recorded span when it is over. */
  constructor(
    private readonly sampler: Sampler,
    ended: (span: EndedSpan) => void,
  ) {
    this.recorder = { ids: new RandomIds(), ended };
  }

  begin(name: string, start: SpanStart = {}): Span {
    return this.span(
      name,
      start,
      { traceId: this.recorder.ids.next(TRACE_ID_BYTES), parentSpanId: undefined },
      this.sampler.begins(),
    );
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
    const { recorder } = this;
    return isRecorded
      ? new RecordedSpan(name, place, start, recorder)
      : new UnrecordedSpan(place.traceId, recorder.ids);
  }
}
