import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { isIP } from 'node:net';
import { checkServerIdentity, connect as connectTls, type TLSSocket } from 'node:tls';
import { CallFailure } from './call-failure.js';
import type { UnaryOptions } from './channel.js';
import { Keepalive } from './keepalive.js';
import { status } from './status-code.js';
import { UnaryCall } from './unary-call.js';

/** A peer that is verified against `rootPem` only. */
export interface UnaryTarget {
  /** `host:port`, an IPv6 address in brackets. */
  readonly address: string;
  readonly rootPem: Buffer;
  /** The name in the peer's certificate, when it is not the host of `address`. */
  readonly serverName?: string;
}

/** One HTTP/2 connection for unary calls. Once lost it stays so: whoever wants another opens it. */
export interface UnaryConnection {
  /** False from the moment on that no further call can begin: the connection is lost, or the peer takes its leave. */
  readonly isUsable: boolean;
  /** One call with the bytes of its messages. Rejects with a {@link CallFailure}; one that has begun after the end with UNAVAILABLE. */
  unary(path: string, request: Buffer, options: UnaryOptions): Promise<Buffer>;
  /** Ends the connection and the calls on it, with CANCELLED. Safe to call twice. */
  close(): void;
}

/** An answer is 2 to 10 kB. With the defaults of HTTP/2 the 64 calls of a node's agent would wait for room for theirs. */
const STREAM_WINDOW_BYTES = 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;

/** Dials at once. The caller closes it. */
export function openUnaryConnection(target: UnaryTarget): UnaryConnection {
  return new Http2UnaryConnection(target);
}

class Http2UnaryConnection implements UnaryConnection {
  readonly #authority: string;
  readonly #session: ClientHttp2Session;
  readonly #calls = new Set<UnaryCall>();
  readonly #keepalive: Keepalive;
  #isConnected = false;
  #isLeaving = false;
  #end: CallFailure | undefined;

  constructor(target: UnaryTarget) {
    const { address, serverName } = target;
    this.#authority = serverName ?? address;
    const socket = dial(target);
    // Before the session's own listener, for what it makes of an error has lost the words.
    socket.on('error', (error) =>
      this.#lose(`${this.#isConnected ? 'connection lost' : 'no connection'}: ${textOf(error)}`),
    );
    socket.on('secureConnect', () => {
      if (socket.alpnProtocol !== 'h2') this.#lose('the peer does not speak HTTP/2');
    });
    this.#session = connectHttp2(`https://${address}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
    });
    this.#keepalive = new Keepalive({
      ping: (onPong) => this.#ping(onPong),
      onDead: () => this.#lose('no answer to a ping'),
      after: (delayMs, fire) => {
        const timer = setTimeout(fire, delayMs);
        return () => clearTimeout(timer);
      },
    });
    this.#session.on('connect', () => this.#connected());
    this.#session.on('goaway', () => {
      this.#isLeaving = true;
    });
    this.#session.on('error', (error) => this.#lose(`connection lost: ${textOf(error)}`));
    this.#session.on('close', () => this.#lose('connection closed'));
  }

  get isUsable(): boolean {
    return !this.#isLeaving && this.#end === undefined;
  }

  unary(path: string, request: Buffer, options: UnaryOptions): Promise<Buffer> {
    if (!this.isUsable)
      return Promise.reject(this.#end ?? new CallFailure(status.UNAVAILABLE, 'the peer takes its leave'));
    const onOver = (call: UnaryCall): void => {
      if (this.#calls.delete(call)) this.#keepalive.end();
    };
    const call = new UnaryCall({ ...options, path, request, authority: this.#authority, onOver });
    if (options.signal?.aborted !== true) {
      this.#calls.add(call);
      this.#keepalive.begin();
      if (this.#isConnected) call.start(this.#session);
    }
    return call.answer;
  }

  close(): void {
    this.#endBy(new CallFailure(status.CANCELLED, 'the connection was closed'));
  }

  #connected(): void {
    if (this.#end !== undefined) return;
    this.#isConnected = true;
    this.#session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    for (const call of this.#calls) call.start(this.#session);
  }

  #ping(onPong: () => void): void {
    try {
      this.#session.ping((error) => {
        if (error === null) onPong();
      });
    } catch {
      // The session has ended, and tells of it by itself.
    }
  }

  #lose(details: string): void {
    this.#endBy(new CallFailure(status.UNAVAILABLE, details));
  }

  /** The first reason counts: the others follow from it. */
  #endBy(failure: CallFailure): void {
    if (this.#end !== undefined) return;
    this.#end = failure;
    for (const call of this.#calls) call.fail(failure);
    this.#session.destroy();
  }
}

/**
 * TLS to the target. A name goes along as server name (SNI); an address must not (RFC 6066 §3), and is looked for among the
 * IP names of the certificate.
 */
function dial({ address, rootPem, serverName }: UnaryTarget): TLSSocket {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  const peerName = serverName ?? host;
  return connectTls({
    ...{ host, port: Number(address.slice(at + 1)), ca: rootPem, ALPNProtocols: ['h2'] },
    ...(isIP(peerName) === 0 && { servername: peerName }),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(peerName, certificate),
    // Said in so many words, it holds whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    rejectUnauthorized: true,
  });
}

/** Of several addresses that all failed Node.js tells in an error without a message. */
function textOf(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map((one) => String(one?.message)).join(', ');
  return error.message;
}
