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
import { type FramedCall, Http2Call, isOpen } from './framed-call.js';

/**
 * A gRPC server of our own framing on `node:http2`, for the many long streams of Envoys: it can send one memory to
 * thousands of calls, sizes its windows for Envoy's first requests, and holds half of the memory that grpc-js does (docs/adr/0010).
 * The listeners hand it their sockets.
 */
export interface FramedServer {
  /** Calls of `path`, such as `/package.Service/Method`, go to `open`; it ends each by {@link FramedCall.end}. */
  addMethod(path: string, open: (call: FramedCall) => void): void;
  /** Serves HTTP/2 on `socket`, which it owns from then on. */
  attach(socket: Socket): void;
  /**
   * Ends all connections: GOAWAY at once, each connection closed when its last call has ended, whatever is left after `graceMs` cut off.
   * Resolves when nothing is left. Close the listeners first (a socket attached later is destroyed), and end your own long
   * streams with OK, or this waits the whole grace time. Safe to call twice.
   */
  close(graceMs: number): Promise<void>;
}

export interface FramedServerOptions {
  readonly logger: Logger;
  /** A larger message ends its call with RESOURCE_EXHAUSTED. */
  readonly maxReceiveBytes: number;
  /** Per connection. */
  readonly maxConcurrentStreams: number;
}

/**
 * What a peer may send on one connection before we have read any of it. A real Envoy's first requests are 50 to 60 kB
 * each, one a stream: with the default of 65 535 the second waits for a round trip. (reference: Envoy 1)
 */
const CONNECTION_WINDOW_BYTES = 256 * 1024;

/** Of one connection, in MB. A gateway's 2 000 streams take 10. */
const MAX_SESSION_MEMORY_MB = 64;

/** Makes the server; {@link FramedServer.close} ends it. */
export function createFramedServer(options: FramedServerOptions): FramedServer {
  return new Http2FramedServer(options);
}

class Http2FramedServer implements FramedServer {
  readonly #options: FramedServerOptions;
  readonly #methods = new Map<string, (call: FramedCall) => void>();
  readonly #connections = new Connections();
  readonly #sessions = new Set<ServerHttp2Session>();
  #connectionCount = 0;
  #closing: Promise<void> | undefined;

  constructor(options: FramedServerOptions) {
    this.#options = options;
  }

  addMethod(path: string, open: (call: FramedCall) => void): void {
    this.#methods.set(path, open);
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
      settings: { enablePush: false, maxConcurrentStreams: this.#options.maxConcurrentStreams },
      maxSessionMemory: MAX_SESSION_MEMORY_MB,
    });
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    this.#sessions.add(session);
    session.on(
      'stream',
      (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, rawHeaders: readonly string[]) => {
        this.#open(stream, { headers, rawHeaders }, connection);
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
      if (forced > 0) this.#options.logger.warn('connections cut off at shutdown', { [Field.connections]: forced });
    })();
    return this.#closing;
  }

  #open(
    stream: ServerHttp2Stream,
    { headers, rawHeaders }: { headers: IncomingHttpHeaders; rawHeaders: readonly string[] },
    connection: number,
  ): void {
    const refusal = httpRefusal(headers);
    if (refusal !== undefined) {
      refuseHttp(stream, refusal);
      return;
    }
    const call = new Http2Call(stream, rawHeaders, { connection, maxReceiveBytes: this.#options.maxReceiveBytes });
    const open = this.#methods.get(headers[':path'] ?? '');
    if (open === undefined) {
      call.end({ code: status.UNIMPLEMENTED, details: 'unknown method' });
      return;
    }
    endByTimeout(call, stream, headers['grpc-timeout']);
    open(call);
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
  if (!isOpen(stream)) return;
  stream.respond({ ':status': code }, { endStream: true });
  stream.resume();
}

const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** setTimeout keeps a signed 32-bit delay: a deadline that is further away is none. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A caller's deadline is kept here too, for the caller may be unable to tell. (gRPC over HTTP/2, "Timeout") */
function endByTimeout(call: FramedCall, stream: ServerHttp2Stream, timeout: string | string[] | undefined): void {
  const [, amount, unit] = TIMEOUT.exec(String(timeout)) ?? [];
  if (amount === undefined || unit === undefined) return;
  const milliseconds = Number(amount) * (UNIT_MS[unit] ?? 0);
  if (milliseconds > MAX_TIMER_MS) return;
  const timer = setTimeout(() => {
    call.end({ code: status.DEADLINE_EXCEEDED, details: 'deadline exceeded' });
  }, milliseconds);
  stream.once('close', () => clearTimeout(timer));
}

function ignore(): void {}
