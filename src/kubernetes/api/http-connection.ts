import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import type { Cancellable, CancelSignal } from '../../cancellation/index.js';
import { IdentityError, messageOf } from '../../errors/index.js';
import { TLS_PARAMETERS } from '../../net/transport/index.js';
import type { TimerClock } from '../../timers/index.js';
import { type ApiCall, callText, connectionError } from './api-failure.js';
import { ChangingMaterial, type MaterialOptions } from './changing-material.js';
import type { Material, ServerAccess } from './server-access.js';

export interface HttpRequest {
  /** What it is for, as errors name it. */
  readonly call: ApiCall;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Of the API, with its query. */
  readonly path: string;
  readonly body?: Buffer | undefined;
  readonly contentType?: string | undefined;
  /** The media types that are wanted; left out, JSON above all. */
  readonly accept?: string | undefined;
  /** Until the head of the answer is there, and for {@link HttpConnection.send} all of it. */
  readonly timeoutMs: number;
  /** Gives up the request. */
  readonly signal?: CancelSignal | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  /** What the server has asked for, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly body: Buffer;
}

export interface ConnectionOptions extends MaterialOptions {
  readonly clock: TimerClock;
  /** `sidecert/VERSION`. */
  readonly userAgent: string;
}

/** Watches keep one connection each; the rest is for requests. A herd of pods must not open one for each. */
const MAX_SOCKETS = 64;

/** The API server closes connections that rest for longer; a proxy before it may do so sooner. */
const KEEP_ALIVE_MS = 30_000;

/** What a Retry-After may make us wait. (RFC 9110 §10.2.3) */
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * HTTP/1.1 to one API server, with the credentials in their newest state. Knows nothing of what is asked.
 */
export class HttpConnection {
  private readonly ca: ChangingMaterial | undefined;
  private readonly token: ChangingMaterial | undefined;
  private readonly cert: ChangingMaterial | undefined;
  private readonly key: ChangingMaterial | undefined;
  private agent: HttpAgent | HttpsAgent | undefined;
  /** What {@link agent} was made of. */
  private agentParts: readonly (Buffer | undefined)[] = [];

  constructor(
    private readonly access: ServerAccess,
    private readonly options: ConnectionOptions,
  ) {
    const changing = (what: string, material: Material | undefined): ChangingMaterial | undefined =>
      material && new ChangingMaterial(what, material, options);
    this.ca = changing('roots of the API server', access.ca);
    this.token = changing('token for the API server', access.token);
    this.cert = changing('client certificate for the API server', access.clientCertificate?.cert);
    this.key = changing('client key for the API server', access.clientCertificate?.key);
  }

  /** As messages name it. */
  get server(): string {
    return this.access.url.host;
  }

  /**
   * Sends a request and reads its whole answer, of at most `maxBytes`.
   * @throws IdentityError `ERR_KUBERNETES_UNAVAILABLE`, `ERR_KUBERNETES_UNTRUSTED`, `ERR_KUBERNETES_CONFIG_INVALID`;
   *   `ERR_KUBERNETES_RESPONSE_INVALID`: it is larger; `ERR_CANCELLED`. {@link StaleConnection}.
   */
  async send(request: HttpRequest, maxBytes: number): Promise<HttpAnswer> {
    const exchange = await this.begin(request);
    try {
      const head = await exchange.head;
      const body = await readBody(head, maxBytes, request.call);
      exchange.throwIfOver();
      return { status: head.statusCode ?? 0, retryAfterMs: retryAfterMs(head), body };
    } catch (error) {
      throw exchange.reasonFor(error);
    } finally {
      exchange.end();
    }
  }

  /**
   * Sends a request and hands its answer to `read` as it comes; the time limit is for its head alone. Resolves when
   * `read` does, and ends the connection then. @throws as {@link send}.
   */
  async stream(request: HttpRequest, read: (head: IncomingMessage) => Promise<void>): Promise<void> {
    const exchange = await this.begin(request);
    try {
      const head = await exchange.head;
      exchange.disarm();
      await read(head);
    } catch (error) {
      throw exchange.reasonFor(error);
    } finally {
      exchange.end();
      exchange.destroy();
    }
  }

  /** Whether the token is another one by now: then what was refused is worth another try. */
  async hasNewToken(): Promise<boolean> {
    return (await this.token?.hasChanged()) ?? false;
  }

  /** Ends what is under way. Safe to call twice. */
  close(): void {
    this.agent?.destroy();
    this.agent = undefined;
  }

  private async begin(request: HttpRequest): Promise<Exchange> {
    const { url, serverName } = this.access;
    const [agent, token] = await Promise.all([this.currentAgent(), this.token?.current()]);
    const send = url.protocol === 'http:' ? requestHttp : requestHttps;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const sent = send({
      ...{ agent, host, method: request.method },
      port: url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : Number(url.port),
      path: `${url.pathname.replace(/\/$/, '')}${request.path}`,
      servername: serverName ?? (isIP(host) === 0 ? host : ''),
      headers: {
        host: url.host,
        // A key set has a type of its own.
        accept: request.accept ?? 'application/json, */*;q=0.1',
        'user-agent': this.options.userAgent,
        ...(token !== undefined && { authorization: `Bearer ${token.toString('latin1').trim()}` }),
        ...(request.body !== undefined && {
          'content-type': request.contentType ?? 'application/json',
          'content-length': request.body.length,
        }),
      },
    });
    return new Exchange(sent, request, this.server, this.options.clock);
  }

  /** Another one when roots or client certificate have changed; requests of the old one go on. */
  private async currentAgent(): Promise<HttpAgent | HttpsAgent> {
    const parts = await Promise.all([this.ca, this.cert, this.key].map((part) => part?.current()));
    if (this.agent !== undefined && parts.every((part, index) => part === this.agentParts[index])) return this.agent;
    const [ca, cert, key] = parts;
    const common = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: KEEP_ALIVE_MS };
    this.agentParts = parts;
    this.agent =
      this.access.url.protocol === 'http:'
        ? new HttpAgent(common)
        : new HttpsAgent({
            ...common,
            ...TLS_PARAMETERS,
            // A trust anchor need not be self-signed. (RFC 5280 §6.1.1)
            allowPartialTrustChain: true,
            ...(ca !== undefined && { ca }),
            ...(cert !== undefined && { cert }),
            ...(key !== undefined && { key }),
          });
    return this.agent;
  }
}

/** One request that has been sent, with its time limit and its cancellation. */
class Exchange implements Cancellable {
  readonly head: Promise<IncomingMessage>;
  private stopTimer: (() => void) | undefined;
  private over: IdentityError | undefined;
  private hasHead = false;

  constructor(
    private readonly sent: ClientRequest,
    private readonly request: HttpRequest,
    private readonly server: string,
    clock: TimerClock,
  ) {
    const { call, timeoutMs, signal, body } = request;
    this.head = new Promise((resolve, reject) => {
      sent.once('response', (head) => {
        this.hasHead = true;
        resolve(head);
      });
      // Stays: an error after the answer has come is told by the answer, too.
      sent.on('error', reject);
    });
    this.head.catch(() => {});
    this.stopTimer = clock.after(timeoutMs, () =>
      this.giveUp(connectionError(call, server, new Error(`no answer within ${timeoutMs} ms`))),
    );
    signal?.add(this);
    sent.end(body);
  }

  /** Ends the time limit. */
  disarm(): void {
    this.stopTimer?.();
    this.stopTimer = undefined;
  }

  /** Forgets timer and signal. */
  end(): void {
    this.disarm();
    this.request.signal?.delete(this);
  }

  /** For the signal. */
  cancel(): void {
    this.giveUp(new IdentityError('ERR_CANCELLED', `${callText(this.request.call)}: cancelled`));
  }

  destroy(): void {
    this.sent.destroy();
  }

  throwIfOver(): void {
    if (this.over !== undefined) throw this.over;
  }

  /** Why the request has failed, when `error` is what followed from that. */
  reasonFor(error: unknown): unknown {
    if (this.over !== undefined) return this.over;
    // The server has closed a connection that rested, at the moment at which we took it: it has not seen the request.
    if (this.sent.reusedSocket && !this.hasHead && isReset(error)) return new StaleConnection(error);
    return connectionError(this.request.call, this.server, error);
  }

  private giveUp(error: IdentityError): void {
    this.over ??= error;
    this.sent.destroy(error);
  }
}

/** A connection that was kept had ended: the same request over another one is worth a try at once. */
export class StaleConnection extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
  }
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

async function readBody(head: IncomingMessage, maxBytes: number, call: ApiCall): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of head as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) {
      head.destroy();
      throw new IdentityError(
        'ERR_KUBERNETES_RESPONSE_INVALID',
        `${callText(call)}: got more than ${maxBytes} bytes, expected no more`,
      );
    }
    chunks.push(chunk);
  }
  const body = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const chunk of chunks) {
    at += chunk.copy(body, at);
    // It may have a private key. The memory of chunks is used again by others.
    chunk.fill(0);
  }
  return body;
}

/** Seconds; the form with a date is not what API servers send. */
function retryAfterMs({ headers }: IncomingMessage): number | undefined {
  const text = headers['retry-after'];
  return text !== undefined && /^\d{1,6}$/.test(text) ? Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS) : undefined;
}
