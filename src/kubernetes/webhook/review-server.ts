import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Semaphore } from '../../fairness/index.js';
import { listenTls, type TlsCertificate } from '../../net/transport/index.js';
import type { Logger, MetricRegistry } from '../../telemetry/index.js';
import { MAX_REVIEW_BYTES } from './admission-review.js';
import {
  CONNECTION_LIMITS,
  type ConnectionLimits,
  type ReviewConnection,
  ReviewConnections,
} from './review-connections.js';

/** What a request is answered with. */
export interface ReviewResponse {
  readonly status: 200 | 400 | 500;
  /** JSON with 200, else a line of text. */
  readonly body: Buffer;
}

export interface ReviewServerOptions {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Answers the body of a request. Must not throw. */
  readonly answer: (body: Buffer) => ReviewResponse;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly limits?: Partial<ConnectionLimits>;
}

export interface ReviewServer {
  /** `host:port` with the real port. */
  readonly address: string;
  /**
   * From now on handshakes have this certificate; connections that live are not touched. Before the first one all
   * handshakes fail.
   * @throws IdentityError `ERR_LISTEN_FAILED`: it cannot be used; the one before stays.
   */
  setCertificate(certificate: TlsCertificate): void;
  /** Takes no further connections, answers what comes on those that live, and ends them. Safe to call twice. */
  close(): Promise<void>;
}

/** Where the API server posts reviews: as in Istio. */
const PATH = '/inject';

const BACKLOG = 512;

/** As {@link listenTls} has it for a handshake that was begun; the API server waits no longer for the whole. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Those of the API server are below 1 kB. */
const MAX_HEADER_BYTES = 8 * 1024;

/** Of the 4.5 s that a shutdown may take. A client that has heard nothing until then has nothing under way. */
const DRAIN_MS = 2000;

/**
 * Serves reviews over HTTP/1.1 and TLS. Over HTTP/2 an API server would send all to one replica, and would take long to
 * notice that it is gone: of HTTP/1.1 a connection without an answer is not used again.
 * @throws IdentityError `ERR_LISTEN_FAILED`.
 */
export async function startReviewServer(options: ReviewServerOptions): Promise<ReviewServer> {
  const { host, port, logger, metrics, answer, limits } = options;
  const connections = new ReviewConnections({ ...CONNECTION_LIMITS, ...limits }, metrics);
  const state = { isDraining: false, turns: new Semaphore(1) };
  const http = httpServer(connections, (request, response, connection) =>
    new Exchange(request, response, connection, state).run(answer),
  );
  const listener = await listenTls({
    ...{ host, port, backlog: BACKLOG, handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS, logger },
    protocol: 'http/1.1',
    onSocket(socket) {
      connections.add(socket);
      http.emit('connection', socket);
    },
  });
  return {
    address: listener.address,
    setCertificate: (certificate) => listener.setCertificate(certificate),
    async close() {
      state.isDraining = true;
      await listener.close();
      await connections.drain(DRAIN_MS);
    },
  };
}

/** Does not listen itself, and so has none of Node's own limits: they are {@link ReviewConnections}'. */
function httpServer(
  connections: ReviewConnections,
  onRequest: (request: IncomingMessage, response: ServerResponse, connection: ReviewConnection) => void,
): Server {
  const http = createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 0 }, (request, response) => {
    const connection = connections.of(request.socket);
    // Requests that do not wait for the answer to the one before are not what API servers send.
    if (connection?.begin() === true) onRequest(request, response, connection);
    else connections.misbehaved(request.socket);
  });
  http.on('clientError', (_error, socket) => connections.misbehaved(socket as IncomingMessage['socket']));
  return http;
}

/** One request and its answer. */
class Exchange {
  private readonly chunks: Buffer[] = [];
  private length = 0;
  private isRefused = false;

  constructor(
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly connection: ReviewConnection,
    private readonly server: { readonly isDraining: boolean; readonly turns: Semaphore },
  ) {
    response.once('close', () => connection.end());
  }

  run(answer: ReviewServerOptions['answer']): void {
    const { request } = this;
    const refusal = refusalOf(request);
    if (refusal !== undefined) {
      this.refuse(refusal.status, refusal.text);
      return;
    }
    request.on('data', (chunk: Buffer) => this.take(chunk));
    request.once('end', () => {
      if (!this.isRefused) void this.answerInTurn(answer);
    });
  }

  /**
   * What is asked costs milliseconds, and may be made to cost a hundred times that: addresses take turns, so that one
   * of them does not keep the API server waiting for all that it asks. Never rejects.
   */
  private async answerInTurn(answer: ReviewServerOptions['answer']): Promise<void> {
    const { turns } = this.server;
    const { signal, place } = this.connection;
    try {
      await turns.acquire({ precedence: 'proof', signal, place });
    } catch {
      // The connection has ended.
      return;
    }
    this.answer(answer(Buffer.concat(this.chunks, this.length)));
    // What has come meanwhile is read before the next turn is given.
    setImmediate(() => turns.release());
  }

  private take(chunk: Buffer): void {
    if (this.isRefused || !this.connection.hold(chunk.length)) return;
    this.length += chunk.length;
    if (this.length > MAX_REVIEW_BYTES) this.refuse(413, TOO_LARGE);
    else this.chunks.push(chunk);
  }

  private answer({ status, body }: ReviewResponse): void {
    const contentType = status === 200 ? 'application/json' : TEXT;
    this.write(status, contentType, body, this.server.isDraining);
  }

  private refuse(status: number, text: string): void {
    this.isRefused = true;
    this.chunks.length = 0;
    this.write(status, TEXT, Buffer.from(`${text}\n`), true);
  }

  private write(status: number, contentType: string, body: Buffer, isLast: boolean): void {
    this.response.writeHead(status, {
      'content-type': contentType,
      'content-length': body.length,
      ...(isLast && { connection: 'close' }),
    });
    this.response.end(body);
  }
}

const TEXT = 'text/plain; charset=utf-8';
const TOO_LARGE = `at most ${MAX_REVIEW_BYTES} bytes`;

/** What can be refused by the head of a request. */
function refusalOf({ method, url = '', headers }: IncomingMessage): { status: number; text: string } | undefined {
  // The API server adds its timeout as a query.
  if (url.split('?', 1)[0] !== PATH) return { status: 404, text: `there is ${PATH}` };
  if (method !== 'POST') return { status: 405, text: 'only POST' };
  const [type = ''] = (headers['content-type'] ?? '').split(';', 1);
  if (type.trim().toLowerCase() !== 'application/json') return { status: 415, text: 'only application/json' };
  // NaN, for what is no number, passes: the parser of HTTP has refused it.
  if (Number(headers['content-length'] ?? 0) > MAX_REVIEW_BYTES) return { status: 413, text: TOO_LARGE };
  return undefined;
}
