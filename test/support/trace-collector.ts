import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import protobuf from 'protobufjs';
import type { Test } from 'tap';

/** Of the official definitions (opentelemetry-proto 1.x) what a trace has; `official-otlp.ts` has all of them. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Request { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { repeated Span spans = 2; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; int32 kind = 6;
    fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9; Status status = 15;
  }
  message Status { string message = 2; int32 code = 3; }
  message KeyValue { string key = 1; Value value = 2; }
  message Value { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
`);
const REQUEST = root.lookupType('Request');

type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A span as a collector got it. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Attributes;
  readonly isFailed: boolean;
  /** Of its process. */
  readonly resource: Attributes;
}

/** What a collector does with a request: an HTTP status, with a body perhaps, or it never answers. */
export type CollectorAnswer =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: Buffer }
  | 'hang';

/** A collector of OpenTelemetry on a real socket, with faults. */
export class TraceCollector {
  /** What the next requests get. */
  answer: CollectorAnswer = { status: 200 };
  readonly bodies: Buffer[] = [];
  readonly headers: IncomingHttpHeaders[] = [];
  readonly paths: string[] = [];
  /** Of the requests that were taken. */
  readonly spans: CollectedSpan[] = [];
  readonly #waiters: (() => void)[] = [];
  #url = '';

  /** Its base; without a path. */
  get url(): string {
    return this.#url;
  }

  /** Listens, with TLS where there is a certificate, until the test is over. */
  static async start(t: Test, tls?: { readonly cert: Buffer; readonly key: Buffer }): Promise<TraceCollector> {
    const collector = new TraceCollector();
    const listener: RequestListener = (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        const { answer } = collector;
        collector.#take(Buffer.concat(chunks), request.headers, request.url ?? '', answer);
        if (answer !== 'hang') response.writeHead(answer.status, answer.headers).end(answer.body);
      });
    };
    const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    collector.#url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
    return collector;
  }

  /** Resolves when `isDone` holds; asked after each request. */
  async until(isDone: (collector: this) => boolean): Promise<void> {
    while (!isDone(this)) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  named(name: string): CollectedSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  #take(body: Buffer, headers: IncomingHttpHeaders, path: string, answer: CollectorAnswer): void {
    this.bodies.push(body);
    this.headers.push(headers);
    this.paths.push(path);
    if (answer !== 'hang' && answer.status === 200) this.spans.push(...decodeTraces(body));
    for (const wake of this.#waiters.splice(0)) wake();
  }
}

interface WireAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, string | number | boolean>>;
}

/** As protobuf.js makes them of the definitions above. */
interface WireSpan {
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId?: Buffer;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly WireAttribute[];
  readonly status?: { readonly code?: number };
}

interface WireResourceSpans {
  readonly resource: { readonly attributes: readonly WireAttribute[] };
  readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
}

/** The spans of an `ExportTraceServiceRequest`. */
function decodeTraces(body: Buffer): CollectedSpan[] {
  const request = REQUEST.toObject(REQUEST.decode(body), { longs: String, bytes: Buffer });
  const resourceSpans: readonly WireResourceSpans[] = request.resourceSpans ?? [];
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => collected(span, attributesOf(resource.attributes)))),
  );
}

function collected(span: WireSpan, resource: Attributes): CollectedSpan {
  const { traceId, spanId, parentSpanId, name, kind } = span;
  return {
    ...{ traceId: hex(traceId), spanId: hex(spanId), parentSpanId: hex(parentSpanId), name, kind, resource },
    ...{ start: BigInt(span.startTimeUnixNano), end: BigInt(span.endTimeUnixNano) },
    attributes: attributesOf(span.attributes),
    isFailed: span.status?.code === 2,
  };
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}

function attributesOf(attributes: readonly WireAttribute[] = []): Attributes {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const [kind = '', held = ''] = Object.entries(value)[0] ?? [];
      return [key, kind === 'intValue' ? Number(held) : held];
    }),
  );
}
