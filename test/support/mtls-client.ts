import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { plainSerial } from '../../src/text/index.js';
import { ecKeys } from '../hotpath/pki.js';
import type { RunningEnvoy } from './running-envoy.js';
import { privateKeyPem, type TestCa } from './test-ca.js';

/** What a client shows, and whose certificates it accepts. */
export interface MtlsIdentity {
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly trusts: Buffer;
  /** The server name that it asks for; none when left out. */
  readonly sni?: string;
}

/** A client with a certificate of `ca` for one SPIFFE ID, who trusts only that CA. */
export function identityOf(ca: TestCa, uri: string): MtlsIdentity {
  const keys = ecKeys();
  return { cert: ca.leaf(keys, { uris: [uri] }), key: privateKeyPem(keys), trusts: ca.certificatePem };
}

export type MtlsOutcome =
  | { readonly kind: 'answered'; readonly status: number; readonly body: string; readonly serial: string }
  /** The connection ended before any answer, or its peer's certificate was not of a CA that we trust. */
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Speaks mutual TLS with a sidecar, on a Unix socket or a port of this machine, and asks for `/`. Node.js judges the
 * chain of the peer. In TLS 1.3 the server's refusal comes after the client's side of the handshake is done, so only
 * an answer counts as being let in.
 */
export async function askMtls(at: string | number, identity: MtlsIdentity): Promise<MtlsOutcome> {
  const socket = open(at, identity);
  let reason = 'connection closed without a word';
  let text = '';
  socket.on('error', (error: NodeJS.ErrnoException) => {
    reason = error.code ?? error.message;
  });
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  let serial = '';
  socket.once('secureConnect', () => {
    serial = plainSerial(socket.getPeerCertificate().serialNumber);
  });
  socket.write('GET / HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n');
  await closed;
  const [, status, body = ''] = /^HTTP\/1\.1 (\d{3}) .*?\r\n\r\n(.*)$/s.exec(text) ?? [];
  return status === undefined
    ? { kind: 'refused', reason }
    : { kind: 'answered', status: Number(status), body, serial };
}

/** Resolves when a handshake shows this certificate and a request is answered. */
export async function untilServed(envoy: RunningEnvoy, identity: MtlsIdentity, serial: string): Promise<void> {
  await envoy.until(`${serial} is served`, async () => {
    const outcome = await askMtls(envoy.files.inbound, identity);
    return (outcome.kind === 'answered' && outcome.serial === serial) || undefined;
  });
}

/** An answer that does not end. */
export class EndlessAnswer {
  readonly #socket: TLSSocket;
  #text = '';
  #isOver = false;
  #wake = (): void => {};

  constructor(socketPath: string, identity: MtlsIdentity) {
    this.#socket = open(socketPath, identity);
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.#isOver = true;
      this.#wake();
    });
    this.#socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      this.#wake();
    });
    this.#socket.write('GET /endless HTTP/1.1\r\nhost: app\r\n\r\n');
  }

  /** Resolves with true when the line has come, with false when the connection has ended without it. */
  async has(line: string): Promise<boolean> {
    const isThere = (): boolean => this.#text.includes(`${line}\n`);
    while (!isThere() && !this.#isOver) await new Promise<void>((resolve) => (this.#wake = resolve));
    return isThere();
  }

  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#socket.destroy();
    await once(this.#socket, 'close');
  }
}

function open(at: string | number, { cert, key, trusts, sni }: MtlsIdentity): TLSSocket {
  return connect({
    ...(typeof at === 'string' ? { path: at } : { host: '127.0.0.1', port: at }),
    ca: trusts,
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(sni !== undefined && { servername: sni }),
    // A SPIFFE ID is no host name.
    checkServerIdentity: () => undefined,
  });
}
