import {
  checkServerIdentity,
  connect as connectTls,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { contextTrusting } from '../../../system/platform/index.js';
import { TLS_PARAMETERS } from '../tls-parameters.js';
import type { Attempt, AttemptEvents } from './dial-race.js';
import type { DialEvents, Dialling } from './dialling.js';
import { type Peer, readPeer, type TlsTarget } from './peer.js';
import { type DialNetwork, PeerDialling } from './peer-dialling.js';

/** What a handshake has agreed on. */
export interface TlsAgreement {
  /** As OpenSSL names it: `TLSv1.3`. */
  readonly tlsVersion: string;
  /**
   * The group of the key exchange as OpenSSL names it: `X25519`, or `X25519MLKEM768`, which a quantum computer does not
   * break either. `undefined` where Node.js does not tell it, as Node.js 22 does of the latter.
   */
  readonly keyExchange: string | undefined;
}

/** What the handshake of a connected socket has agreed on. */
export function tlsAgreement(socket: TLSSocket): TlsAgreement {
  const key = socket.getEphemeralKeyInfo();
  return {
    tlsVersion: socket.getProtocol() ?? 'unknown',
    keyExchange: key !== null && 'name' in key ? key.name : undefined,
  };
}

/** Dials for HTTP/2 over TLS. @throws Error when the root or the client certificate cannot be used. */
export function dialTls(target: TlsTarget, events: DialEvents<TLSSocket>, network?: DialNetwork): Dialling {
  const peer = readPeer(target);
  const secureContext = secureContextFor(target);
  return new PeerDialling(
    {
      host: peer.host,
      begin: (address, attempt) => beginAttempt(address, peer, secureContext, attempt),
      isUnverified: (error) => error instanceof UnverifiedPeer,
    },
    events,
    network,
  );
}

/** Trusts the roots of `target`, and no others. */
function secureContextFor({ rootPem, clientCertificate: shown }: TlsTarget): SecureContext {
  const ours = { ...TLS_PARAMETERS, ...(shown && { cert: shown.chainPem, key: shown.privateKeyPem }) };
  const context = contextTrusting(rootPem, () => createSecureContext({ ca: [], ...ours }));
  if (context !== undefined) return context;
  // A trust anchor need not be self-signed. (RFC 5280 §6.1.1)
  return createSecureContext({ ca: rootPem, ...ours, allowPartialTrustChain: true });
}

/** A peer is there, and shows a certificate that the root does not verify, or for another name. */
class UnverifiedPeer extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

/** TCP and TLS to one address. The peer is verified before anything is told of it. */
function beginAttempt(
  address: string,
  { port, serverName, certificateName }: Peer,
  secureContext: SecureContext,
  events: AttemptEvents<TLSSocket>,
): Attempt {
  const socket = connectTls({
    ...{ host: address, port, secureContext, ALPNProtocols: ['h2'] },
    ...(serverName !== undefined && { servername: serverName }),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(certificateName, certificate),
    // Said in so many words, it holds whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    rejectUnauthorized: true,
  });
  // What is written is gathered already: it need not wait for more. (RFC 896)
  socket.setNoDelay(true);
  const leave = (): void => {
    socket.off('connect', onConnect).off('secureConnect', onSecure).off('error', onError).off('close', onClose);
  };
  const giveUp = (): void => {
    leave();
    socket.on('error', ignore);
    socket.destroy();
  };
  const fail = (error: Error): void => {
    giveUp();
    events.failed(error);
  };
  const onConnect = (): void => events.reached();
  const onSecure = (): void => {
    if (socket.alpnProtocol !== 'h2') {
      fail(new Error('the peer does not speak HTTP/2'));
      return;
    }
    leave();
    events.succeeded(socket);
  };
  // Node sets `authorizationError` when the handshake is done and the certificate does not verify.
  const onError = (error: Error): void => fail(socket.authorizationError ? new UnverifiedPeer(error) : error);
  const onClose = (): void => fail(new Error('connection closed in the handshake'));
  socket.on('connect', onConnect).on('secureConnect', onSecure).on('error', onError).on('close', onClose);
  return { cancel: giveUp };
}

function ignore(): void {}
