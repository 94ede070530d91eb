import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { Field, type Logger } from '../telemetry/index.js';
import { Connections } from './connections.js';
import { Http2ServedCall, type ServedCall, type UnaryMethod } from './served-call.js';

/**
 * A gRPC server for unary calls, on `node:http2`: half of what grpc-js takes for each. Without a port: our own listeners
 * hand it their sockets, of TLS or not.
 */
export interface UnaryServer {
  /** Calls of `path`, such as `/package.Service/Method`, go to `method`, which answers or refuses each. */
  addMethod(path: string, method: UnaryMethod): void;
  /** Serves HTTP/2 on `socket`, which it owns from then on. */
  attach(socket: Socket): void;
  /**
   * Ends all connections: GOAWAY at once, each connection closed when its last call has ended, whatever is left after
   * `graceMs` cut off. Resolves when nothing is left. Close the listeners first: a socket attached later is destroyed.
   * Safe to call twice.
   */
  close(graceMs: number): Promise<void>;
}

export interface UnaryServerOptions {
  readonly logger: Logger;
  /** A larger message ends its call with RESOURCE_EXHAUSTED. */
  readonly maxReceiveBytes: number;
  /** Per connection. */
  readonly maxConcurrentStreams: number;
}

/** Makes the server; {@link UnaryServer.close} ends it. */
export function createUnaryServer(options: UnaryServerOptions): UnaryServer {
  return new Http2UnaryServer(options);
}

class Http2UnaryServer implements UnaryServer {
  readonly #methods = new Map<string, UnaryMethod>();
  readonly #connections = new Connections();
  readonly #sessions = new Set<ServerHttp2Session>();
  #connectionCount = 0;
  #closing: Promise<void> | undefined;

  constructor(private readonly options: UnaryServerOptions) {}

  addMethod(path: string, method: UnaryMethod): void {
    this.#methods.set(path, method);
  }

  attach(socket: Socket): void {
    if (this.#closing !== undefined || socket.destroyed) {
      socket.destroy();
      return;
    }
    this.#connectionCount += 1;
    const connection = this.#connectionCount;
    this.#connections.add(socket);
    // A socket accepted as paused has no read under way, and the HTTP/2 session waits for one without starting it.
    // Nothing is lost in between: bytes come with the next turn of the loop, when the session owns the socket.
    socket.read(0);
    const session = performServerHandshake(socket, {
      settings: { enablePush: false, maxConcurrentStreams: this.options.maxConcurrentStreams },
    });
    this.#sessions.add(session);
    session.on(
      'stream',
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: readonly string[]) => {
        this.#open(stream, headers, { rawHeaders, connection });
      },
    );
    // What a peer breaks ends its own session, and `close` tells of it.
    session.on('error', ignore);
    session.on('close', () => this.#sessions.delete(session));
  }

  close(graceMs: number): Promise<void> {
    this.#closing ??= (async () => {
      for (const session of this.#sessions) session.close();
      const forced = await this.#connections.drained(graceMs);
      if (forced > 0) this.options.logger.warn('connections cut off at shutdown', { [Field.connections]: forced });
    })();
    return this.#closing;
  }

  #open(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    where: { readonly rawHeaders: readonly string[]; readonly connection: number },
  ): void {
    const refusal = httpRefusal(headers);
    if (refusal !== undefined) {
      refuseHttp(stream, refusal);
      return;
    }
    const method = this.#methods.get(headers[':path'] ?? '') ?? refuseUnknown;
    new Http2ServedCall(stream, { ...where, method, maxReceiveBytes: this.options.maxReceiveBytes });
  }
}

/** What is not gRPC at all is answered as HTTP does. (gRPC over HTTP/2, "Requests") */
function httpRefusal(headers: IncomingHttpHeaders): number | undefined {
  if (headers[':method'] !== 'POST') return constants.HTTP_STATUS_METHOD_NOT_ALLOWED;
  const isGrpc = headers['content-type']?.startsWith('application/grpc') === true;
  return isGrpc ? undefined : constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE;
}

function refuseHttp(stream: ServerHttp2Stream, code: number): void {
  stream.on('error', ignore);
  if (stream.destroyed || stream.closed) return;
  stream.respond({ ':status': code }, { endStream: true });
  stream.resume();
}

function refuseUnknown(call: ServedCall): void {
  call.refuse({ code: status.UNIMPLEMENTED, details: 'unknown method' });
}

function ignore(): void {}
