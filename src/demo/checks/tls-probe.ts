import { connect, type TLSSocket } from 'node:tls';
import { plainSerial } from '../../text/index.js';

const TIMEOUT_MS = 20_000;

export interface TlsProbe {
  readonly port: number;
  /** What the client shows; nothing when left out. */
  readonly identity?: { readonly chainPem: Buffer; readonly keyPem: Buffer };
}

export type TlsOutcome =
  | { readonly kind: 'answered'; readonly status: number }
  /** The connection ended before any answer. */
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Speaks TLS with a sidecar on loopback without a sidecar of its own, and asks for `/ip`. In TLS 1.3 the server's
 * refusal comes after the client's side of the handshake is done, so only an answer counts as being let in.
 */
export function probeTls(probe: TlsProbe): Promise<TlsOutcome> {
  return new Promise((resolve) => {
    const socket = open(probe);
    const chunks: Buffer[] = [];
    let failure = 'connection closed without a word';
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer in time')));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      failure = error.code === undefined ? error.message : `${error.code}`;
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('close', () => {
      const status = /^HTTP\/1\.1 (\d{3}) /.exec(Buffer.concat(chunks).toString('latin1'))?.[1];
      resolve(
        status === undefined ? { kind: 'refused', reason: failure } : { kind: 'answered', status: Number(status) },
      );
    });
    socket.write('GET /ip HTTP/1.1\r\nhost: httpbin\r\nconnection: close\r\n\r\n');
  });
}

/** The serial number of the leaf that a sidecar on loopback serves in a handshake now. */
export function servedSerial(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = open({ port });
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no handshake in time')));
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      resolve(plainSerial(socket.getPeerCertificate().serialNumber));
      socket.destroy();
    });
  });
}

function open({ port, identity }: TlsProbe): TLSSocket {
  return connect({
    port,
    host: '127.0.0.1',
    // The probe looks at what the server does, whatever its certificate; the sidecars verify that.
    rejectUnauthorized: false,
    ...(identity !== undefined && { cert: identity.chainPem, key: identity.keyPem }),
  });
}
