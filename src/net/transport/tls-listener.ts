import type { X509Certificate } from 'node:crypto';
import { createServer } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { wrapError } from '../../errors/index.js';
import { Field, type Logger, RateLimitedLogger } from '../../telemetry/index.js';
import { HandshakeQueue, type HandshakeSlot } from './handshake-queue.js';
import { Handshakes } from './handshakes.js';
import { listening, watchAccepts } from './node-accept.js';
import { addressKey } from './peer-key.js';
import { listenerAddress } from './plain-listener.js';
import type { Listener } from './socket-listener.js';
import { TLS_PARAMETERS } from './tls-parameters.js';

export interface TlsCertificate {
  /** PEM: the server's certificate, then its intermediates. */
  readonly certPem: Buffer | string;
  /** PEM. */
  readonly keyPem: Buffer | string;
}

export interface TlsListenerOptions {
  readonly host: string;
  /** 0 for any free port; {@link Listener.address} tells which. */
  readonly port: number;
  readonly backlog: number;
  /** Left out: every handshake fails until there is one. */
  readonly certificate?: TlsCertificate | undefined;
  /** What is spoken over TLS, as ALPN names it; HTTP/1.1 also with peers that offer nothing. `h2` if left out. */
  readonly protocol?: 'h2' | 'http/1.1';
  /** Which handshakes may begin, and which wait; none waits when left out. */
  readonly admission?: HandshakeSlot;
  /**
   * Gets each connection after its handshake, with the certificates that its peer has shown, and owns it from then on.
   */
  readonly onSocket: (socket: TLSSocket, certificates: readonly X509Certificate[]) => void;
  /** Left out: peers are asked for none. */
  readonly clientCertificates?: ClientCertificateCheck | undefined;
  /**
   * A peer whose handshake has not begun by then is cut off, and one that has not finished it so long after it began.
   */
  readonly handshakeTimeoutMs: number;
  readonly logger: Logger;
}

/** Peers are asked for a certificate, and may have none. (reference: Istio 3.2, 2) */
export interface ClientCertificateCheck {
  /** PEM: the roots that peers are told of, so that they choose a certificate that we may know. */
  readonly rootsPem: () => string | Buffer;
  /** Why the connection of a peer that has shown this chain is ended, for the log; `undefined` when it is not. */
  problem(chain: readonly X509Certificate[]): string | undefined;
}

export interface TlsListener extends Listener {
  /**
   * New handshakes get this certificate; connections that live are not touched.
   * @throws IdentityError `ERR_LISTEN_FAILED`: it does not parse or the two do not belong together; the old one stays.
   */
  setCertificate(certificate: TlsCertificate): void;
}

/** What a failed handshake is a sign of, for the operator of this side; else what OpenSSL says. */
function handshakeProblem(code: string, reason: string): string {
  if (code === 'ERR_SSL_HTTP_REQUEST') return 'got plain HTTP/1.1, expected TLS';
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') return 'got what is no TLS (plain HTTP/2 as a rule), expected TLS';
  if (/_ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_)/.test(code)) {
    return `the peer does not accept our certificate: compare its roots, its clock and the name that it asks for (${reason})`;
  }
  return reason;
}

/**
 * Listens for HTTP over TLS 1.2 or newer. A peer that does not agree on `h2` by ALPN is cut off, as grpc-go does.
 * There is no queue as for Unix sockets: a full TCP backlog delays a connect, it does not refuse it.
 * @throws IdentityError `ERR_LISTEN_FAILED`.
 */
export async function listenTls(options: TlsListenerOptions): Promise<TlsListener> {
  const {
    host,
    port,
    backlog,
    logger,
    onSocket,
    handshakeTimeoutMs,
    admission,
    protocol = 'h2',
    clientCertificates,
  } = options;
  const log = new RateLimitedLogger(logger, Date.now);
  const refuse = (socket: TLSSocket, problem: string): void => {
    const fields = { [Field.address]: socket.remoteAddress, [Field.reason]: problem };
    log.warn('connection refused for its client certificate', fields);
    if (socket.remoteAddress !== undefined) admission?.failed(socket.remoteAddress);
    socket.destroy();
  };
  const context = (certificate: TlsCertificate) => ({
    ...contextOf(certificate),
    ...(clientCertificates !== undefined && { ca: clientCertificates.rootsPem() }),
  });
  const secure = attempt('tls certificate cannot be used', () =>
    createTlsServer({
      ...(options.certificate === undefined ? TLS_PARAMETERS : context(options.certificate)),
      // Peers without one are served, too; whether it verifies is for the check.
      ...(clientCertificates !== undefined && { requestCert: true, rejectUnauthorized: false }),
      ALPNProtocols: [protocol],
      handshakeTimeout: handshakeTimeoutMs,
    }),
  );
  const waiting = new Handshakes(MAX_WAITING);
  const begun = new Handshakes(MAX_BEGUN, (address) => admission?.failed(address));
  const queue = new HandshakeQueue({
    ...{ admission, timeoutMs: handshakeTimeoutMs, keyOf: addressKey },
    hasRoom: (address) => begun.hasRoom(address),
    begin: (socket) => {
      waiting.finished(socket);
      begun.started(socket);
      secure.emit('connection', socket);
    },
  });
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
    waiting.started(socket);
    queue.add(socket);
  });
  secure.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => {});
    if (socket.alpnProtocol === protocol || (socket.alpnProtocol === false && protocol === 'http/1.1')) {
      begun.finished(socket);
      const certificates = clientCertificates === undefined ? [] : certificatesOf(socket);
      const problem = certificates.length === 0 ? undefined : clientCertificates?.problem(certificates);
      if (problem === undefined) onSocket(socket, certificates);
      else refuse(socket, problem);
    } else socket.destroy();
  });
  secure.on('tlsClientError', (error: NodeJS.ErrnoException & { readonly reason?: string }, socket: TLSSocket) => {
    const { remoteAddress } = socket;
    socket.destroy();
    // OpenSSL's message has addresses and lines of its source; its reason is a word.
    const { code = '', message, reason = message } = error;
    const fields = { [Field.address]: remoteAddress, [Field.code]: code };
    // Probes and port scans go in the middle of it.
    if (code.startsWith('ERR_SSL_'))
      log.warn('tls handshake failed', { ...fields, [Field.reason]: handshakeProblem(code, reason) }, code);
    else logger.debug('tls handshake failed', { ...fields, [Field.error]: message });
  });
  await listening(server, { host, port, backlog }).catch((error: unknown) => {
    throw wrapError('ERR_LISTEN_FAILED', `${host}:${port} cannot be listened on`, error);
  });
  watchAccepts(server, logger);
  return {
    address: listenerAddress(server),
    setCertificate(certificate) {
      attempt('tls certificate cannot be used', () => secure.setSecureContext(context(certificate)));
    },
    async close() {
      if (server.listening) server.close();
      waiting.abort();
      begun.abort();
    },
  };
}

/** Connections whose handshakes have not begun: each holds some tens of kB. One more than these ends one of them. */
const MAX_WAITING = 1024;

/** Handshakes under way: so many may be gone on with, at half a millisecond each, before others have their turn. */
const MAX_BEGUN = 64;

/** What a handshake shows at most; a path is shorter. */
const MAX_CLIENT_CERTIFICATES = 10;

/** The certificates of the peer as they came, from below to above. */
function certificatesOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < MAX_CLIENT_CERTIFICATES) {
    chain.push(next);
    const { issuerCertificate } = next;
    next = issuerCertificate === next ? undefined : issuerCertificate;
  }
  return chain;
}

function contextOf({ certPem, keyPem }: TlsCertificate) {
  return { cert: certPem, key: keyPem, ...TLS_PARAMETERS };
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw wrapError('ERR_LISTEN_FAILED', what, error);
  }
}
