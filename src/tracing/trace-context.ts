/** What a call tells of the trace that it belongs to. */
export interface TraceContext {
  /** 32 hex digits, not all of them 0. */
  readonly traceId: string;
  /** 16 hex digits, not all of them 0. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** Of version 0. Later versions may have more behind a further dash. (W3C Trace Context §3.2) */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\x20-\x7e]{0,200})?$/;

/**
 * Reads a `traceparent`. One that is malformed counts as none, and so do several: a trace begins here then. (W3C Trace
 * Context §3.2, §4.3)
 */
export function readTraceparent(values: readonly string[]): TraceContext | undefined {
  const [value = '', ...others] = values;
  const [, version, traceId = '', spanId = '', flags = '', rest] = TRACEPARENT.exec(value) ?? [];
  if (others.length > 0 || version === undefined || version === 'ff') return undefined;
  if (version === '00' && rest !== undefined) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

/** The flag of a trace that its caller records. (W3C Trace Context §3.2.2.5.1) */
const SAMPLED = 1;

export function writeTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
}
