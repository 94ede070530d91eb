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

/** The bytes of an `ExportTraceServiceRequest`. Measured first, then written into one buffer: there are thousands. */
export function encodeTraces({ resource, version }: SpanSource, spans: readonly EndedSpan[]): Buffer {
  const attributes = Object.entries(resource);
  const resourceBytes = attributesBytes(attributes);
  const scopeBytes = textFieldBytes(SCOPE) + textFieldBytes(version);
  const sizes = spans.map(spanBytes);
  const spansBytes = sizes.reduce((sum, { bytes }) => sum + fieldSizeBytes(bytes), 0);
  const scopeSpansBytes = fieldSizeBytes(scopeBytes) + spansBytes;
  const bytes = fieldSizeBytes(resourceBytes) + fieldSizeBytes(scopeSpansBytes);
  const request = Buffer.allocUnsafe(fieldSizeBytes(bytes));
  const writer = new WireWriter(request);
  writer.head(Key.requestResourceSpans, bytes);
  writer.head(Key.resourceSpansResource, resourceBytes);
  for (const [name, value] of attributes) writeAttribute(writer, Key.resourceAttribute, name, value);
  writer.head(Key.resourceSpansScopeSpans, scopeSpansBytes);
  writer.head(Key.scopeSpansScope, scopeBytes);
  writer.text(Key.scopeName, SCOPE);
  writer.text(Key.scopeVersion, version);
  for (const size of sizes) writeSpan(writer, size);
  return request;
}

/** The instrumentation scope: whose code made the spans. */
const SCOPE = 'sidecert';

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/** With its key. */
const FIXED_64_BYTES = 9;

/** A field with the status of what has failed. */
const FAILED = Buffer.from([Key.spanStatus, 2, Key.statusCode, STATUS_ERROR]);

interface SizedSpan {
  readonly span: EndedSpan;
  /** Of its content. */
  readonly bytes: number;
}

function spanBytes(span: EndedSpan): SizedSpan {
  const { parentSpanId, name, attributes, isFailed } = span;
  const parent = parentSpanId === undefined ? 0 : fieldSizeBytes(SPAN_ID_BYTES);
  const ids = fieldSizeBytes(TRACE_ID_BYTES) + fieldSizeBytes(SPAN_ID_BYTES) + parent;
  const rest = textFieldBytes(name) + 2 + 2 * FIXED_64_BYTES + (isFailed ? FAILED.length : 0);
  return { span, bytes: ids + rest + attributesBytes(attributes) };
}

function writeSpan(writer: WireWriter, { span, bytes }: SizedSpan): void {
  const { traceId, spanId, parentSpanId, name, kind, startedAtMs, endedAtMs, attributes, isFailed } = span;
  writer.head(Key.scopeSpansSpan, bytes);
  writeId(writer, Key.traceId, traceId);
  writeId(writer, Key.spanId, spanId);
  if (parentSpanId !== undefined) writeId(writer, Key.parentSpanId, parentSpanId);
  writer.text(Key.name, name);
  writer.head(Key.kind, KINDS[kind]);
  writeTime(writer, Key.startTime, startedAtMs);
  writeTime(writer, Key.endTime, endedAtMs);
  for (const [key, value] of attributes) writeAttribute(writer, Key.spanAttribute, key, value);
  if (isFailed) writer.put(FAILED);
}

function attributesBytes(attributes: Iterable<readonly [string, Value]>): number {
  let bytes = 0;
  for (const [name, value] of attributes) bytes += fieldSizeBytes(attributeBytes(name, value));
  return bytes;
}

function attributeBytes(name: string, value: Value): number {
  return textFieldBytes(name) + fieldSizeBytes(valueBytes(value));
}

function valueBytes(value: Value): number {
  if (typeof value === 'string') return textFieldBytes(value);
  if (typeof value === 'boolean') return 2;
  return isWhole(value) ? 1 + varintBytes(value) : FIXED_64_BYTES;
}

function writeAttribute(writer: WireWriter, key: number, name: string, value: Value): void {
  writer.head(key, attributeBytes(name, value));
  writer.text(Key.attributeKey, name);
  writer.head(Key.attributeValue, valueBytes(value));
  if (typeof value === 'string') writer.text(Key.stringValue, value);
  else if (typeof value === 'boolean') writer.head(Key.boolValue, value ? 1 : 0);
  else if (isWhole(value)) writer.head(Key.intValue, value);
  else {
    const field = Buffer.alloc(FIXED_64_BYTES, Key.doubleValue);
    field.writeDoubleLE(value, 1);
    writer.put(field);
  }
}

/** Whether it is written as an integer. */
function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function writeId(writer: WireWriter, key: number, hex: string): void {
  const id = Buffer.from(hex, 'hex');
  writer.head(key, id.length);
  writer.put(id);
}

/** Nanoseconds since 1970, of which a double holds microseconds: these by 1000, in two halves. */
function writeTime(writer: WireWriter, key: number, atMs: number): void {
  const microseconds = Math.round(atMs * 1000);
  const low = (microseconds % 2 ** 32) * 1000;
  const field = Buffer.allocUnsafe(FIXED_64_BYTES);
  field[0] = key;
  field.writeUInt32LE(low % 2 ** 32, 1);
  field.writeUInt32LE(Math.floor(microseconds / 2 ** 32) * 1000 + Math.floor(low / 2 ** 32), 5);
  writer.put(field);
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
