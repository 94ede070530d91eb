import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import { checkServerIdentity, connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls';
import { TLS_PARAMETERS } from '../tls-parameters.js';
import { addressOrder } from './address-order.js';
import { type Attempt, type AttemptEvents, DialRace } from './dial-race.js';
import type { DialEvents, Dialling } from './dialling.js';
import { type Peer, readPeer, type TlsTarget } from './peer.js';

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

/** What dialling needs of its surroundings. */
export interface DialNetwork {
  /** All addresses of a name, the best first. */
  lookup(host: string): Promise<readonly LookupAddress[]>;
  /** Calls `fire` once after `delayMs`; the result cancels it. */
  after(delayMs: number, fire: () => void): () => void;
}

/**
 * Only families that this machine has are asked for, as Node does itself; the order is that of the system. (RFC 6724)
 */
const SYSTEM_NETWORK: DialNetwork = {
  lookup(host) {
    // Loaded here: an agent whose CA is an address never needs it.
    const { ADDRCONFIG, promises } = process.getBuiltinModule('node:dns');
    return promises.lookup(host, { all: true, order: 'verbatim', hints: ADDRCONFIG });
  },
  after(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Far beyond the deadline of any call: it ends what no call waits for any more. */
const DIAL_TIMEOUT_MS = 30_000;

/** Dials for HTTP/2 over TLS. @throws Error when the root cannot be used. */
export function dialTls(
  target: TlsTarget,
  events: DialEvents<TLSSocket>,
  network: DialNetwork = SYSTEM_NETWORK,
): Dialling {
  return new TlsDialling(target, events, network);
}

class TlsDialling implements Dialling {
  private readonly peer: Peer;
  private readonly secureContext: ReturnType<typeof createSecureContext>;
  private readonly disarm: () => void;
  private race: DialRace<TLSSocket> | undefined;
  private isOver = false;

  constructor(
    target: TlsTarget,
    private readonly events: DialEvents<TLSSocket>,
    private readonly network: DialNetwork,
  ) {
    this.peer = readPeer(target);
    // A trust anchor need not be self-signed. (RFC 5280 §6.1.1)
    this.secureContext = createSecureContext({ ca: target.rootPem, allowPartialTrustChain: true, ...TLS_PARAMETERS });
    this.disarm = network.after(DIAL_TIMEOUT_MS, () => this.timedOut());
    void this.start();
  }

  cancel(): void {
    this.isOver = true;
    this.disarm();
    this.race?.cancel();
  }

  /** Never rejects. */
  private async start(): Promise<void> {
    let addresses: readonly string[];
    try {
      addresses = await this.addresses();
    } catch (error) {
      this.failed([error instanceof Error ? error : new Error(String(error))]);
      return;
    }
    if (this.isOver) return;
    this.race = new DialRace<TLSSocket>({
      addresses,
      begin: (address, attempt) => beginAttempt(address, this.peer, this.secureContext, attempt),
      after: this.network.after,
      onWon: (socket) => {
        this.cancel();
        this.events.onConnected(socket);
      },
      onLost: (errors) => this.failed(errors),
    });
    this.race.start();
  }

  private async addresses(): Promise<readonly string[]> {
    const { host } = this.peer;
    if (isIP(host) !== 0) return [host];
    const addresses = addressOrder(await this.network.lookup(host));
    if (addresses.length === 0) throw new Error(`${host} has no address`);
    return addresses;
  }

  private timedOut(): void {
    this.failed([new Error(`got no connection within ${DIAL_TIMEOUT_MS} ms`)]);
  }

  private failed(errors: readonly Error[]): void {
    if (this.isOver) return;
    this.cancel();
    this.events.onFailed({
      reason: [...new Set(errors.map(({ message }) => message))].join(', '),
      isUnverified: errors.every((error) => error instanceof UnverifiedPeer),
    });
  }
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
  secureContext: ReturnType<typeof createSecureContext>,
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
