import { connect, createServer, type Server } from 'node:tls';
import { openChannel } from '../../src/net/grpc/index.js';
import { SdsClient, type SdsResponse } from '../../test/support/sds-client.js';

/** What a peer that begins now says of a certificate: `undefined` when it is good. */
export type PeerVerdict = string | undefined;

/**
 * A fake Envoy that serves, as a TLS server, the first leaf that it gets. It acknowledges all that comes until it is
 * {@link reconnect}ed: from then on trust bundles alone.
 */
export class DeafEnvoy {
  private readonly closers: (() => unknown)[] = [];
  private server: Server | undefined;
  private isDeaf = false;

  constructor(private readonly socketPath: string) {}

  /** Resolves when it serves; with its port. */
  async start(): Promise<number> {
    const leaf = await this.subscribe();
    const { certificateChain, privateKey } = leaf?.secrets[0]?.tlsCertificate ?? {};
    const [cert, key] = [certificateChain?.inlineBytes, privateKey?.inlineBytes];
    if (!cert || !key) throw new Error('the deaf Envoy: got no leaf');
    const server = createServer({ cert: Buffer.from(cert), key: Buffer.from(key) });
    this.server = server;
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Of another process of its agent: what that has to give is not taken. */
  async reconnect(): Promise<void> {
    this.isDeaf = true;
    this.end();
    await this.subscribe();
  }

  close(): void {
    this.end();
    this.server?.close();
  }

  private end(): void {
    for (const close of this.closers.splice(0)) close();
  }

  /** Resolves with the first leaf. */
  private subscribe(): Promise<SdsResponse | undefined> {
    const channel = openChannel({ unix: this.socketPath });
    this.closers.push(() => channel.close());
    const follow = (name: string, acknowledges: boolean): Promise<SdsResponse | undefined> => {
      const stream = new SdsClient(channel);
      stream.request({ names: [name], nodeId: 'deaf' });
      const first = stream.nextResponse();
      void (async () => {
        for (let next = await first; next !== undefined; next = await stream.nextResponse())
          if (acknowledges) stream.ack(next, { names: [name] });
      })();
      return first;
    };
    void follow('ROOTCA', true);
    return follow('default', !this.isDeaf);
  }
}

/** What a peer with these roots, which has none of before, says of the server at `port`. */
export function judgedByPeer(port: number, roots: Buffer): Promise<PeerVerdict> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, ca: roots, checkServerIdentity: () => undefined });
    const told = (verdict: PeerVerdict): void => {
      resolve(verdict);
      socket.destroy();
    };
    socket.once('secureConnect', () => told(socket.authorized ? undefined : String(socket.authorizationError)));
    socket.once('error', ({ code, message }: NodeJS.ErrnoException) => told(code ?? message));
  });
}
