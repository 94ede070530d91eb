import { fieldSizeBytes, textFieldBytes, varintBytes, WireReader, WireWriter } from '../net/protobuf/index.js';
import type { EndedSpan } from './spans.js';

/** What made the spans: the attributes of the process, and which program it is. */
export interface SpanSource {
  readonly resource: Readonly<Record<string, string>>;
  readonly version: string;
}

type Value = string | number | boolean;

/** Keys of fields: their number and wire type. (opentelemetry-proto 1.x, `trace.proto`, `common.proto`) */
const Key = {
  requestResourceSpans: delimited(1),
  resourceSpansResource: delimited(1),
  resourceSpansScopeSpans: delimited(2),
  resourceAttribute: delimited(1),
  scopeSpansScope: delimited(1),
  scopeSpansSpan: delimited(2),
  scopeName: delimited(1),
  scopeVersion: delimited(2),
  traceId: delimited(1),
  spanId: delimited(2),
  parentSpanId: delimited(4),
  name: delimited(5),
  kind: varint(6),
  startTime: fixed64(7),
  endTime: fixed64(8),
  spanAttribute: delimited(9),
  spanStatus: delimited(15),
  statusCode: varint(3),
  attributeKey: delimited(1),
  attributeValue: delimited(2),
  stringValue: delimited(1),
  boolValue: varint(2),
  intValue: varint(3),
  doubleValue: fixed64(4),
} as const;

const KINDS = { internal: 1, server: 2, client: 3 } as const;

const STATUS_ERROR = 2;

/** The bytes of an `ExportTraceServiceRequest`. */
export function encodeTraces({ resource, version }: SpanSource, spans: readonly EndedSpan[]): Buffer {
  const attributes = Object.entries(resource).map(([name, value]) => attribute(Key.resourceAttribute, name, value));
  const scope = message(Key.scopeSpansScope, text(Key.scopeName, 'sidecert'), text(Key.scopeVersion, version));
  return message(
    Key.requestResourceSpans,
    message(Key.resourceSpansResource, ...attributes),
    message(Key.resourceSpansScopeSpans, scope, ...spans.map(encodeSpan)),
  );
}

function encodeSpan(span: EndedSpan): Buffer {
  const { traceId, spanId, parentSpanId, name, kind, startedAtMs, endedAtMs, attributes, isFailed } = span;
  return message(
    Key.scopeSpansSpan,
    message(Key.traceId, Buffer.from(traceId, 'hex')),
    message(Key.spanId, Buffer.from(spanId, 'hex')),
    ...(parentSpanId === undefined ? [] : [message(Key.parentSpanId, Buffer.from(parentSpanId, 'hex'))]),
    text(Key.name, name),
    number(Key.kind, KINDS[kind]),
    time(Key.startTime, startedAtMs),
    time(Key.endTime, endedAtMs),
    ...[...attributes].map(([key, value]) => attribute(Key.spanAttribute, key, value)),
    ...(isFailed ? [message(Key.spanStatus, number(Key.statusCode, STATUS_ERROR))] : []),
  );
}

function attribute(key: number, name: string, value: Value): Buffer {
  return message(key, text(Key.attributeKey, name), message(Key.attributeValue, anyValue(value)));
}

function anyValue(value: Value): Buffer {
  if (typeof value === 'string') return text(Key.stringValue, value);
  if (typeof value === 'boolean') return number(Key.boolValue, value ? 1 : 0);
  if (Number.isSafeInteger(value) && value >= 0) return number(Key.intValue, value);
  const field = Buffer.alloc(9, Key.doubleValue);
  field.writeDoubleLE(value, 1);
  return field;
}

/** A field whose content are these parts. */
function message(key: number, ...parts: readonly Uint8Array[]): Buffer {
  const contentBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const field = Buffer.allocUnsafe(fieldSizeBytes(contentBytes));
  const writer = new WireWriter(field);
  writer.head(key, contentBytes);
  for (const part of parts) writer.put(part);
  return field;
}

function text(key: number, value: string): Buffer {
  const field = Buffer.allocUnsafe(textFieldBytes(value));
  new WireWriter(field).text(key, value);
  return field;
}

function number(key: number, value: number): Buffer {
  const field = Buffer.allocUnsafe(1 + varintBytes(value));
  new WireWriter(field).head(key, value);
  return field;
}

/** Nanoseconds since 1970, of which a double holds microseconds. */
function time(key: number, atMs: number): Buffer {
  const field = Buffer.alloc(9, key);
  field.writeBigUInt64LE(BigInt(Math.round(atMs * 1000)) * 1000n, 1);
  return field;
}

/** `partial_success` of an `ExportTraceServiceResponse`, and `rejected_spans` in it. */
const PARTIAL_SUCCESS = 1;
const REJECTED_SPANS = 1;

/**
 * How many spans the collector has refused, by the bytes of its `ExportTraceServiceResponse`; none when they are
 * something else.
 */
export function readRejectedSpans(answer: Buffer): number {
  try {
    let rejected = 0;
    const reader = new WireReader(answer);
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field !== PARTIAL_SUCCESS) continue;
      const partial = new WireReader(reader.value());
      for (let inner = partial.nextOfAnyType(); inner !== 0; inner = partial.nextOfAnyType()) {
        if (inner === REJECTED_SPANS && partial.isVarint) rejected = partial.int64;
      }
    }
    return rejected;
  } catch {
    return 0;
  }
}

function varint(field: number): number {
  return field << 3;
}

function fixed64(field: number): number {
  return (field << 3) | 1;
}

function delimited(field: number): number {
  return (field << 3) | 2;
}
