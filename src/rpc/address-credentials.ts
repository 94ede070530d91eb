import type { Socket } from 'node:net';
import { connect, createSecureContext, type SecureContext } from 'node:tls';
import { ChannelCredentials, credentials } from '@grpc/grpc-js';

type ConnectorArguments = Parameters<ChannelCredentials['_createSecureConnector']>;
type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>;
type Secured = Awaited<ReturnType<SecureConnector['connect']>>;

/**
 * TLS to a peer that is known by its IP address: its certificate must lead to `rootPem` and have `address` as an IP
 * name. grpc-js sends the address as server name, too, which RFC 6066 §3 forbids (Node warns: DEP0123), and has no
 * option against that; so the handshake is ours, and all else is left to grpc-js.
 */
export class AddressCredentials extends ChannelCredentials {
  readonly #context: SecureContext;
  readonly #inner: ChannelCredentials;

  constructor(
    private readonly address: string,
    rootPem: Buffer,
  ) {
    super();
    this.#context = createSecureContext({ ca: rootPem });
    this.#inner = credentials.createFromSecureContext(this.#context);
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(...args: ConnectorArguments): SecureConnector {
    const inner = this.#inner._createSecureConnector(...args);
    return {
      connect: (socket) => this.#handshake(socket),
      waitForReady: () => inner.waitForReady(),
      getCallCredentials: () => inner.getCallCredentials(),
      destroy: () => inner.destroy(),
    };
  }

  /** Without `servername`, Node verifies by `host` (`tls.checkServerIdentity`). Rejects when that fails. */
  #handshake(socket: Socket): Promise<Secured> {
    return new Promise((resolve, reject) => {
      const secured = connect({
        ...{ socket, host: this.address, secureContext: this.#context, ALPNProtocols: ['h2'] },
        // Said in so many words, it holds whatever NODE_TLS_REJECT_UNAUTHORIZED says.
        rejectUnauthorized: true,
      });
      secured.once('secureConnect', () => resolve({ socket: secured, secure: true }));
      secured.on('error', reject);
    });
  }
}
