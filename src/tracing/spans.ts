import type { Span, SpanAttributes, SpanStart } from '../telemetry/index.js';
import { clipped } from '../text/index.js';
import type { RandomIds } from './random-ids.js';
import { writeTraceparent } from './trace-context.js';

/** A span that is over, as it is exported. */
export interface EndedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: 'internal' | 'client' | 'server';
  /** Epoch milliseconds, with a fraction. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly attributes: ReadonlyMap<string, string | number | boolean>;
  readonly isFailed: boolean;
}

/** A longer text says no more: names of pods and accounts have 253 characters at most. */
const MAX_TEXT_CHARS = 256;

/**
 * The statuses of gRPC by which the server of a call has failed; by all others it has refused its caller, as it should.
 * (OpenTelemetry, "Semantic conventions for gRPC")
 */
const FAULTS_OF_SERVERS: ReadonlySet<unknown> = new Set([2, 4, 12, 13, 14, 15]);

/** Goes by elapsed time, from one look at the clock a trace: a clock that is set does not bend a trace. */
interface TraceTime {
  /** Epoch milliseconds, with a fraction. */
  now(): number;
}

function traceTime(): TraceTime {
  const offsetMs = Date.now() - performance.now();
  return { now: () => offsetMs + performance.now() };
}

const SPAN_ID_BYTES = 8;

/** What all spans of a tracer share. */
export interface Recorder {
  readonly ids: RandomIds;
  /** Takes each span when it is over. */
  readonly ended: (span: EndedSpan) => void;
}

/** Where it belongs. */
interface Place {
  readonly traceId: string;
  readonly parentSpanId: string | undefined;
  readonly time?: TraceTime;
}

/** A span that is exported when it ends. */
export class RecordedSpan implements Span {
  readonly traceId: string;
  private readonly spanId: string;
  private readonly startedAtMs: number;
  private readonly time: TraceTime;
  private readonly attributes = new Map<string, string | number | boolean>();
  private isOver = false;

  constructor(
    private readonly name: string,
    private readonly place: Place,
    private readonly start: SpanStart,
    private readonly recorder: Recorder,
  ) {
    this.traceId = place.traceId;
    this.spanId = recorder.ids.next(SPAN_ID_BYTES);
    this.time = place.time ?? traceTime();
    this.startedAtMs = start.startedAtMs ?? this.time.now();
    this.set(start.attributes ?? {});
  }

  get traceparent(): string {
    return writeTraceparent({ traceId: this.traceId, spanId: this.spanId, isSampled: true });
  }

  child(name: string, start: SpanStart = {}): Span {
    const place = { traceId: this.traceId, parentSpanId: this.spanId, time: this.time };
    return new RecordedSpan(name, place, start, this.recorder);
  }

  set(attributes: SpanAttributes): void {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined || this.isOver) continue;
      this.attributes.set(name, typeof value === 'string' ? clipped(value, MAX_TEXT_CHARS) : value);
    }
  }

  end(code: string, atMs = this.time.now()): void {
    if (this.isOver) return;
    if (code !== 'OK') this.set({ 'error.type': code });
    this.isOver = true;
    const { traceId, spanId, name, startedAtMs, attributes } = this;
    const kind = this.start.kind ?? 'internal';
    const isRefusal = kind === 'server' && !FAULTS_OF_SERVERS.has(attributes.get('rpc.grpc.status_code'));
    this.recorder.ended({
      ...{ traceId, spanId, parentSpanId: this.place.parentSpanId, name, kind, startedAtMs, attributes },
      endedAtMs: Math.max(startedAtMs, atMs),
      isFailed: code !== 'OK' && !isRefusal,
    });
  }
}

/** A span of a trace that is not recorded: the next process is told so, that it does not record its half of it. */
export class UnrecordedSpan implements Span {
  readonly traceId = undefined;
  readonly traceparent: string;

  constructor(traceId: string, ids: RandomIds) {
    this.traceparent = writeTraceparent({ traceId, spanId: ids.next(SPAN_ID_BYTES), isSampled: false });
  }

  child(): Span {
    return this;
  }

  set(): void {}

  end(): void {}
}
