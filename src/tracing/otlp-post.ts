import type { Agent, IncomingMessage, request } from 'node:http';
import type { CancelSignal } from '../cancellation/index.js';
import { messageOf } from '../errors/index.js';
import { TLS_PARAMETERS } from '../net/transport/index.js';
import { readRejectedSpans } from './otlp-codec.js';

export interface OtlpEndpoint {
  /** All of it, with its path. */
  readonly url: URL;
  /** Further headers, such as the key of an account. They may be secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** PEM roots for the certificate of the collector; left out, those of Node.js. */
  readonly rootsPem?: Buffer | undefined;
}

/** What a collector made of a request. */
export type OtlpAnswer =
  | { readonly kind: 'taken'; readonly rejectedSpans: number }
  /** `retryAfterMs`: how long the collector wants to be left alone, where it said so. */
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly isTransient: boolean;
      readonly retryAfterMs?: number | undefined;
    };

/** For one request with its answer, as OpenTelemetry has it. (OTEL_EXPORTER_OTLP_TIMEOUT) */
const TIMEOUT_MS = 10_000;

/** An answer has a number and a sentence. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** A connection that was idle for so long is closed: a busy process sends each five seconds. */
const IDLE_CONNECTION_MS = 30_000;

/** Worth another try with the same spans. (OTLP, "Failures": OTLP/HTTP) */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** One connection to a collector, which requests share one after the other. */
export class OtlpConnection {
  private client: Promise<HttpClient> | undefined;

  constructor(private readonly endpoint: OtlpEndpoint) {}

  /** Sends the bytes of an `ExportTraceServiceRequest`. Never rejects; `signal` ends it. */
  async post(body: Buffer, signal: CancelSignal): Promise<OtlpAnswer> {
    this.client ??= openClient(this.endpoint);
    const { request, agent } = await this.client;
    const { url, headers } = this.endpoint;
    const fixed = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
    return new Promise((resolve) => {
      const sent = request(url, { method: 'POST', agent, headers: { ...headers, ...fixed } });
      const end = (answer: OtlpAnswer): void => {
        clearTimeout(timer);
        signal.delete(stop);
        resolve(answer);
      };
      const fail = (reason: string): void => {
        end({ kind: 'failed', reason, isTransient: true });
        sent.destroy();
      };
      const stop = { cancel: () => fail('cancelled') };
      const timer = setTimeout(() => fail(`no whole answer within ${TIMEOUT_MS} ms`), TIMEOUT_MS).unref();
      // Also after the end: a connection that is destroyed may tell of it.
      sent.on('error', (error) => fail(messageOf(error)));
      sent.once('response', (answer) => {
        readAnswer(answer).then(end, (error: unknown) => fail(messageOf(error)));
      });
      signal.add(stop);
      if (signal.isCancelled) stop.cancel();
      else sent.end(body);
    });
  }

  async close(): Promise<void> {
    (await this.client)?.agent.destroy();
  }
}

interface HttpClient {
  readonly request: typeof request;
  readonly agent: Agent;
}

/** Loaded for the first request: it takes more time and memory than all else here, and a start must not wait for it. */
async function openClient({ url, rootsPem: ca }: OtlpEndpoint): Promise<HttpClient> {
  const options = { keepAlive: true, maxSockets: 1, timeout: IDLE_CONNECTION_MS };
  if (url.protocol !== 'https:') {
    const { Agent, request } = await import('node:http');
    return { request, agent: new Agent(options) };
  }
  const { Agent, request } = await import('node:https');
  const roots = ca !== undefined && { ca, allowPartialTrustChain: true };
  return { request, agent: new Agent({ ...options, ...TLS_PARAMETERS, ...roots }) };
}

async function readAnswer(answer: IncomingMessage): Promise<OtlpAnswer> {
  const { statusCode = 0, headers } = answer;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error(`got more than ${MAX_ANSWER_BYTES} bytes, expected no more`);
    chunks.push(chunk);
  }
  if (statusCode >= 200 && statusCode < 300) {
    return { kind: 'taken', rejectedSpans: readRejectedSpans(Buffer.concat(chunks)) };
  }
  const seconds = Number(headers['retry-after']);
  return {
    kind: 'failed',
    reason: `got status ${statusCode}, expected 200`,
    isTransient: TRANSIENT_STATUSES.has(statusCode),
    retryAfterMs: seconds >= 0 ? seconds * 1000 : undefined,
  };
}
