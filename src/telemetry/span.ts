import { errorCodeOf } from '../errors/index.js';

/**
 * What a span says of its work; an `undefined` is left out. Names are those of OpenTelemetry where it has one, else
 * they begin with `sidecert.`. Values are codes, counts and verified names: never a message, for that may quote what
 * others wrote, and never a key, a token or a CSR.
 */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanStart {
  /** Left out, it is work within this process. */
  readonly kind?: 'client' | 'server';
  readonly attributes?: SpanAttributes;
  /** Epoch milliseconds; left out, now. */
  readonly startedAtMs?: number;
}

/** A piece of work of a trace. (OpenTelemetry, "Span") */
export interface Span {
  /** 32 hex digits, for log lines; `undefined` when this trace is not recorded. */
  readonly traceId: string | undefined;
  /** What a call tells the next process. (W3C Trace Context, "traceparent") */
  readonly traceparent: string;
  /** A part of this work. It may outlast it. */
  child(name: string, start?: SpanStart): Span;
  set(attributes: SpanAttributes): void;
  /** `code`: `OK`, or why it failed. `atMs`: epoch milliseconds; left out, now. Of several calls the first counts. */
  end(code: string, atMs?: number): void;
}

/** Begins traces. Declared here for all rooms; left out everywhere, nothing is recorded and nothing of it is loaded. */
export interface Tracer {
  /** The first span of a trace. */
  begin(name: string, start?: SpanStart): Span;
  /** That of a call from elsewhere, with the values of its `traceparent` metadata. */
  serve(name: string, traceparents: readonly string[], start?: SpanStart): Span;
}

/** Does `work` as a part of `parent`; without one, as if this function were not there. */
export function inSpan<T>(
  parent: Span | undefined,
  name: string,
  work: (span: Span | undefined) => Promise<T>,
): Promise<T> {
  return parent === undefined ? work(undefined) : recorded(parent.child(name), work);
}

async function recorded<T>(span: Span, work: (span: Span) => Promise<T>): Promise<T> {
  try {
    const result = await work(span);
    span.end('OK');
    return result;
  } catch (error) {
    span.end(errorCodeOf(error));
    throw error;
  }
}
