import { isIPv4, isIPv6 } from 'node:net';
import { type MetricSeries, PROMETHEUS_CONTENT_TYPE, prometheusText, redact } from '../telemetry/index.js';

/** What `/status` can show; what is `undefined` is left out. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/**
 * What the pages show, asked again for each request. Never a key or a token: all of it goes to every client that can
 * connect.
 */
export interface StatusContent {
  /** Why we cannot serve yet, for people; `undefined` when we can. */
  notReady(): string | undefined;
  metrics(): readonly MetricSeries[];
  status(): JsonValue;
}

/** What of a request decides the answer. */
export interface StatusRequest {
  readonly method: string;
  /** As it stands in the request line. */
  readonly target: string;
  /** The Host header; `undefined` without one. */
  readonly host: string | undefined;
  readonly hasBody: boolean;
}

export interface StatusAnswer {
  readonly code: number;
  readonly contentType: string;
  readonly text: string;
  /** Of a page that may do more than be looked at. */
  readonly contentSecurityPolicy?: string;
}

/** The page for people: the whole of it, and what its script asks for. */
export type PeoplesPage = Readonly<Record<'html' | 'json', () => Promise<StatusAnswer>>>;

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json';

/**
 * Says what a request is answered with. Pure but for content and page. `isLoopback`: we listen for this machine alone,
 * and only names that others cannot point at it may stand in the request: a web page whose name leads to
 * 127.0.0.1 must not read us through its visitor's browser (DNS rebinding).
 */
export async function answerTo(
  request: StatusRequest,
  { content, page, isLoopback }: { readonly content: StatusContent; readonly page: PeoplesPage; isLoopback: boolean },
): Promise<StatusAnswer> {
  const { method, target, host, hasBody } = request;
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET and HEAD');
  if (hasBody) return plain(413, 'no body, please');
  if (isLoopback && host !== undefined && !isOwnName(host)) return plain(421, 'ask by address or as localhost');
  switch (target) {
    case '/':
      return page.html();
    case '/page.json':
      return page.json();
    case '/metrics':
      return { code: 200, contentType: PROMETHEUS_CONTENT_TYPE, text: prometheusText(content.metrics()) };
    case '/healthz/live':
      return plain(200, 'live');
    case '/healthz/ready': {
      const reason = content.notReady();
      return reason === undefined ? plain(200, 'ready') : plain(503, `not ready: ${reason}`);
    }
    case '/status':
      return { code: 200, contentType: JSON_TYPE, text: `${statusText(content, 2)}\n` };
    default:
      return plain(404, 'there are /, /metrics, /healthz/ready, /healthz/live and /status');
  }
}

/** All that `/status` says, as JSON; `indent` is a number of spaces. */
export function statusText(content: Pick<StatusContent, 'status'>, indent: number): string {
  return JSON.stringify(content.status(), redacted, indent);
}

/** One line of text. */
export function plain(code: number, text: string): StatusAnswer {
  return { code, contentType: TEXT, text: `${text}\n` };
}

/** An address stands for itself, on any page; `localhost` always means this host. (RFC 6761 §6.3) */
export function isOwnName(host: string): boolean {
  const name = host.replace(/:\d*$/, '').toLowerCase();
  return name === 'localhost' || isIPv4(name) || (/^\[.*\]$/.test(name) && isIPv6(name.slice(1, -1)));
}

/** The last line of defence for what others had a hand in, such as an error of the CA. */
function redacted(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? redact(value) : value;
}
