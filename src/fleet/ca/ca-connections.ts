import { type GrpcClient, openGrpcClient, openPlainGrpcClient } from '../../net/grpc/index.js';
import type { TlsAgreement } from '../../net/transport/index.js';

/** Where the connections of a load lead to. */
export interface CaTarget {
  /** `host:port`, an IPv6 address in brackets. */
  readonly address: string;
  /** What the certificate of the CA must lead to; `undefined` in plain text. */
  readonly rootPem: Buffer | undefined;
  readonly serverName: string | undefined;
}

/** The connections of a load: a fixed number of them, which take turns, each dialled again when it is lost. */
export class CaConnections {
  /** Connections that came about. */
  opened = 0;
  /** What the last handshake has agreed on. */
  agreement: TlsAgreement | undefined;
  private readonly clients: (GrpcClient | undefined)[];
  private next = 0;

  constructor(
    private readonly target: CaTarget,
    count: number,
  ) {
    this.clients = Array.from({ length: count }, () => undefined);
  }

  /** The next one in turn. */
  inTurn(): GrpcClient {
    const index = this.next;
    this.next = (index + 1) % this.clients.length;
    const known = this.clients[index];
    if (known?.isUsable === true) return known;
    known?.close();
    const client = this.dial();
    this.clients[index] = client;
    return client;
  }

  /** One beside them. Its caller closes it. */
  dial(): GrpcClient {
    const { address, rootPem, serverName } = this.target;
    if (rootPem === undefined) return openPlainGrpcClient(address, { onConnected: () => this.connected(undefined) });
    const onConnected = (agreement: TlsAgreement): void => this.connected(agreement);
    return openGrpcClient({ address, rootPem, ...(serverName !== undefined && { serverName }) }, { onConnected });
  }

  close(): void {
    for (const client of this.clients) client?.close();
  }

  private connected(agreement: TlsAgreement | undefined): void {
    this.opened += 1;
    this.agreement = agreement ?? this.agreement;
  }
}
