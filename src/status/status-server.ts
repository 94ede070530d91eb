import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createPlainServer, type Socket } from 'node:net';
import { messageOf } from '../errors/index.js';
import { listenPlain } from '../net/transport/index.js';
import { Field, type Logger, type LogThreshold } from '../telemetry/index.js';
import { LazyPage } from './lazy-page.js';
import { changeLogLevel, type LogControl } from './log-level-change.js';
import { orderRevocation, type Revoking } from './revocation-order.js';
import {
  answerTo,
  type PeoplesPage,
  plain,
  type StatusAnswer,
  type StatusContent,
  type StatusRequest,
} from './status-pages.js';

/** Where the pages are: on a TCP port, or on a Unix socket. */
export type StatusAddress = { readonly host: string; readonly port: number } | { readonly socketPath: string };

export interface StatusServerOptions {
  readonly address: StatusAddress;
  /** Puts a Unix socket in place of one that is served. */
  readonly takesOver?: boolean;
  readonly content: StatusContent;
  readonly logger: Logger;
  /** What `PUT /log-level/…` changes; left out, there is none. */
  readonly threshold?: LogThreshold | undefined;
  /** What `PUT /revocations?…` asks; left out, there is none. */
  readonly revoking?: Revoking | undefined;
  /** Epoch milliseconds; the clock of the machine unless given. */
  readonly now?: () => number;
  /** For a whole connection, which is one request: a peer that trickles does not hold its place for longer. */
  readonly connectionLimitMs?: number;
}

export interface StatusServer {
  /** A path, or `host:port` with the real port. */
  readonly address: string;
  /** Safe to call twice; resolves when nothing is left running. */
  close(): Promise<void>;
}

/**
 * Probes and scrapers are a handful. With one more, the oldest goes that has asked nothing: so none of them can cost us
 * more than this, and those that connect and say nothing keep no probe out.
 */
const MAX_CONNECTIONS = 32;

/** Far above any scrape. */
const DEFAULT_CONNECTION_LIMIT_MS = 10_000;

/** A scraper's are below 1 kB. */
const MAX_HEADER_BYTES = 8 * 1024;

const BACKLOG = 128;

/** As that of the socket for Envoy: who may not have the key need not know whose it is. */
const SOCKET_MODE = 0o660;

const LOOPBACK = /^(127\.|localhost$|::1$)/i;

/**
 * Serves the pages. One request on each connection, and no more connections or bytes than small constants allow: a
 * client that reaches the port can hold up neither Envoy nor the other readers.
 * @throws IdentityError `ERR_LISTEN_FAILED`, and for a socket also `ERR_SOCKET_INVALID`, `ERR_SOCKET_IN_USE`.
 */
export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const { address, takesOver = false, content, logger, threshold, revoking, now = Date.now } = options;
  const { connectionLimitMs = DEFAULT_CONNECTION_LIMIT_MS } = options;
  const isLoopback = 'host' in address && LOOPBACK.test(address.host);
  const shown = { content, page: new LazyPage({ content, now }), isLoopback };
  const http = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    connections.asks(request.socket);
    const control = threshold && { threshold, revoking, logger };
    answer(request, response, { ...shown, control }).catch((error: unknown) => {
      logger.error('status page failed', { [Field.error]: String(error) });
      response.destroy();
    });
  });
  const connections = new BoundedConnections(http, connectionLimitMs);
  const at = 'host' in address ? address : { path: address.socketPath, mode: SOCKET_MODE, takesOver };
  const makeServer = () => createPlainServer({ pauseOnConnect: true }, (socket) => connections.take(socket));
  const listener = await listenPlain({ at, backlog: BACKLOG, makeServer, logger });
  return {
    address: listener.address,
    async close() {
      await listener.close();
      connections.close();
    },
  };
}

interface Answering {
  readonly content: StatusContent;
  readonly page: PeoplesPage;
  readonly isLoopback: boolean;
  readonly control: (LogControl & { readonly revoking: Revoking | undefined }) | undefined;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { control, ...shown }: Answering,
): Promise<void> {
  const { method = '', url: target = '', headers } = request;
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
  const asked = { method, target, host: headers.host, hasBody };
  const answered =
    method === 'PUT' && control !== undefined
      ? change(asked, request.socket, control)
      : answerTo(asked, shown).catch(failed);
  const { code, contentType, text, contentSecurityPolicy = NOTHING_LOADED } = await answered;
  response.writeHead(code, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
    'content-security-policy': contentSecurityPolicy,
    'cache-control': 'no-store',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    connection: 'close',
    ...(code === 405 && { allow: 'GET, HEAD' }),
  });
  response.end(method === 'HEAD' ? undefined : text);
}

/** The only things that the pages change. */
function change(
  asked: StatusRequest,
  socket: Socket,
  { revoking, ...control }: NonNullable<Answering['control']>,
): Promise<StatusAnswer> {
  if (revoking === undefined || !asked.target.startsWith('/revocations?'))
    return changeLogLevel(asked, socket, control);
  return orderRevocation(asked, socket, { revoking, logger: control.logger });
}

/** Of what is no page. */
const NOTHING_LOADED = "default-src 'none'; frame-ancestors 'none'";

/** What goes wrong here is told to who asks, and is no reason for Envoys to lose their agent. */
function failed(error: unknown): StatusAnswer {
  return plain(500, `the page cannot be made: ${messageOf(error)}`);
}

/** The sockets of an HTTP server that does not listen itself, and so has none of Node's own limits. */
class BoundedConnections {
  private readonly open = new Map<Socket, NodeJS.Timeout>();
  /** Those of them that have asked nothing yet, oldest first. */
  private readonly silent = new Set<Socket>();

  constructor(
    private readonly http: Server,
    private readonly limitMs: number,
  ) {}

  take(socket: Socket): void {
    if (this.open.size >= MAX_CONNECTIONS) {
      const [oldest] = this.silent;
      if (oldest === undefined) {
        socket.destroy();
        return;
      }
      this.end(oldest);
    }
    this.silent.add(socket);
    this.open.set(socket, setTimeout(() => socket.destroy(), this.limitMs).unref());
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.end(socket));
    this.http.emit('connection', socket);
    // It was accepted as paused.
    socket.resume();
  }

  /** It has sent a whole request. */
  asks(socket: Socket): void {
    this.silent.delete(socket);
  }

  close(): void {
    for (const socket of this.open.keys()) socket.destroy();
  }

  /** Its place is free at once, and not only when it has closed. */
  private end(socket: Socket): void {
    clearTimeout(this.open.get(socket));
    this.open.delete(socket);
    this.silent.delete(socket);
    socket.destroy();
  }
}
