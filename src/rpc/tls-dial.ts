import { isIP } from 'node:net';
import { checkServerIdentity, connect as connectTls, type TLSSocket } from 'node:tls';
import type { ClientWire } from '../http2/index.js';
import { LINGER_MS } from './socket-wire.js';

/** A peer that is verified against `rootPem` only. */
export interface TlsTarget {
  /** `host:port`, an IPv6 address in brackets. */
  readonly address: string;
  readonly rootPem: Buffer;
  /** The name in the peer's certificate, when it is not the host of `address`. */
  readonly serverName?: string;
}

/**
 * TLS to the target, for HTTP/2. A name goes along as server name (SNI); an address must not (RFC 6066 §3), and is looked
 * for among the IP names of the certificate.
 */
export function dialTls({ address, rootPem, serverName }: TlsTarget): TLSSocket {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at).replace(/^\[|\]$/g, '');
  const peerName = serverName ?? host;
  const socket = connectTls({
    ...{ host, port: Number(address.slice(at + 1)), ca: rootPem, ALPNProtocols: ['h2'] },
    ...(isIP(peerName) === 0 && { servername: peerName }),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(peerName, certificate),
    // Said in so many words, it holds whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    rejectUnauthorized: true,
  });
  // What is written is gathered already: it need not wait for more. (RFC 896)
  return socket.setNoDelay(true);
}

/** A dialled socket as the client of HTTP/2 writes to it. */
export class TlsWire implements ClientWire {
  constructor(private readonly socket: TLSSocket) {}

  get backlogBytes(): number {
    return this.socket.writableLength;
  }

  write(bytes: Buffer): void {
    if (!this.socket.destroyed && !this.socket.writableEnded) this.socket.write(bytes);
  }
}

/** Ends it when what was written has gone, and soon in any case: the peer may not read. */
export function hangUp(socket: TLSSocket): void {
  if (socket.writableLength === 0) {
    socket.destroy();
    return;
  }
  socket.destroySoon();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}

/** Of several addresses that all failed Node.js tells in an error without a message. */
export function textOf(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map((one) => String(one?.message)).join(', ');
  return error.message;
}
