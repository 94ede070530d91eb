import { IdentityError, messageOf } from '../../errors/index.js';
import { type GrpcClient, openGrpcClient, openPlainGrpcClient } from '../../net/grpc/index.js';
import type { TlsAgreement } from '../../net/transport/index.js';
import { TrustBundle } from '../../pki/spiffe/index.js';
import { FileValue } from '../../system/small-files/index.js';
import type { ClientCertificate, ClientCertificateSource } from './client-certificate.js';

/** The roots that the CA's own certificate must lead to. A file is read again for each new connection. */
export type CaRoot = { readonly rootFile: string } | { readonly rootPem: Buffer };

/** In plain text the CA is not verified, and there is no name to expect. */
export type CaConnectionOptions = (CaAddress & CaRoot & ShownCertificate) | PlainCa;

/** Who we are, for a CA that asks in the handshake. */
interface ShownCertificate {
  readonly clientCertificate?: ClientCertificateSource | undefined;
}

/** A CA that is asked without TLS. */
export interface PlainCa {
  /** `host:port`, an IPv6 address in brackets. */
  readonly address: string;
  readonly isPlaintext: true;
}

export interface CaAddress {
  /** `host:port`, an IPv6 address in brackets. */
  readonly address: string;
  /** The name in the CA's certificate, when it is not the host of `address`. */
  readonly serverName?: string;
}

/** A right to use the shared connection; give it back by {@link CaConnection.release}. */
export interface Lease {
  readonly connection: GrpcClient;
}

interface SharedConnection extends Lease {
  /** What the CA was verified with, and where that is from; nothing in plain text. */
  readonly root: { readonly pem: Buffer; readonly source: RootSource } | undefined;
  /** What it was shown. */
  readonly shown: ClientCertificate | undefined;
  users: number;
  isRetired: boolean;
}

/**
 * The one connection to the CA that all calls share. After a failure the next call gets a new one, made with the root
 * file as it stands then: that is how a changed root is picked up. (reference: Istio A67)
 */
export class CaConnection {
  private current: SharedConnection | undefined;
  private dialling: Promise<SharedConnection> | undefined;
  private readonly open = new Set<SharedConnection>();
  private readonly lostListeners = new Set<() => void>();
  private isClosed = false;

  /** `onConnected` hears of each connection that is made; in plain text nothing is agreed on. */
  constructor(
    private readonly options: CaConnectionOptions,
    private readonly onConnected: (agreement: TlsAgreement | undefined) => void,
  ) {}

  /** Calls `listener` whenever the CA has ended a connection, until the result is called. */
  onLost(listener: () => void): () => void {
    this.lostListeners.add(listener);
    return () => void this.lostListeners.delete(listener);
  }

  /** @throws IdentityError `ERR_CA_ROOT_INVALID`; `ERR_CANCELLED` after {@link close}. */
  async lease(): Promise<Lease> {
    for (;;) {
      if (this.isClosed) throw closed();
      const shown = this.source === undefined ? undefined : await this.source.current();
      const shared = this.current ?? (await this.dialOnce());
      // While we waited another call may have failed on it; and the CA ends connections, too.
      if (!shared.connection.isUsable || shared.shown !== shown) this.retire(shared);
      if (shared.isRetired) continue;
      shared.users += 1;
      return shared;
    }
  }

  /**
   * Gives a lease back. With `isBroken` no later call gets this connection; it is closed when the last call on it has
   * ended, for the failure of one is no reason to cut off the others.
   */
  release(lease: Lease, isBroken: boolean): void {
    const shared = this.sharedOf(lease);
    if (shared === undefined) return;
    shared.users -= 1;
    if (isBroken || shared.isRetired) this.retire(shared);
  }

  /** Whether a connection made now would be verified by other roots than this one was. */
  async hasRootChanged(lease: Lease): Promise<boolean> {
    const shared = this.sharedOf(lease);
    // A state that cannot be read, half written perhaps, is no change: no connection could be made with it.
    return shared?.root !== undefined && (await shared.root.source.newest()) !== shared.root.pem;
  }

  /** Ends the connection and all calls on it. Safe to call twice. */
  close(): void {
    this.isClosed = true;
    for (const shared of this.open) {
      this.retire(shared);
      this.end(shared);
    }
  }

  private get source(): ClientCertificateSource | undefined {
    return 'isPlaintext' in this.options ? undefined : this.options.clientCertificate;
  }

  private sharedOf(lease: Lease): SharedConnection | undefined {
    for (const shared of this.open) if (shared === lease) return shared;
    return undefined;
  }

  /** No later call gets it; it ends with the last one that has it. */
  private retire(shared: SharedConnection): void {
    shared.isRetired = true;
    if (this.current === shared) this.current = undefined;
    if (shared.users === 0) this.end(shared);
  }

  private end(shared: SharedConnection): void {
    if (this.open.delete(shared)) shared.connection.close();
  }

  private lost(): void {
    for (const listener of this.lostListeners) listener();
  }

  private dialOnce(): Promise<SharedConnection> {
    this.dialling ??= this.dial().finally(() => {
      this.dialling = undefined;
    });
    return this.dialling;
  }

  private async dial(): Promise<SharedConnection> {
    const source = 'isPlaintext' in this.options ? undefined : rootSourceOf(this.options);
    const root = source && { source, pem: await source.newest() };
    // Last, and used at once: what is replaced meanwhile is wiped. Perhaps closed while files were being read.
    const shown = await this.source?.current();
    if (this.isClosed) throw closed();
    const connection = this.connect(root?.pem, shown);
    const shared: SharedConnection = { connection, root, shown, users: 0, isRetired: false };
    this.open.add(shared);
    this.current = shared;
    return shared;
  }

  private connect(rootPem: Buffer | undefined, clientCertificate: ClientCertificate | undefined): GrpcClient {
    const { options, onConnected } = this;
    const onLost = (): void => this.lost();
    // Without roots there is only what was asked for in so many words.
    if ('isPlaintext' in options) {
      return openPlainGrpcClient(options.address, { onLost, onConnected: () => onConnected(undefined) });
    }
    if (rootPem === undefined) throw new IdentityError('ERR_INTERNAL', 'a CA without roots, and not in plain text');
    const { address, serverName } = options;
    const named = serverName === undefined ? {} : { serverName };
    return openGrpcClient({ address, rootPem, clientCertificate, ...named }, { onLost, onConnected });
  }
}

function closed(): IdentityError {
  return new IdentityError('ERR_CANCELLED', 'the CA client is closed');
}

/** The bound of a trust bundle. */
const MAX_ROOT_BYTES = 1024 * 1024;

/** Where roots come from. */
interface RootSource {
  /**
   * As they stand there now, as PEM of nothing else; the same buffer as long as they are the same. What cannot be read
   * does not replace what could be.
   */
  newest(): Promise<Buffer>;
}

/**
 * The roots that a CA's certificate must lead to, as PEM of nothing else.
 * @throws IdentityError `ERR_CA_ROOT_INVALID`, which names the file.
 */
export async function readRoot(root: CaRoot): Promise<Buffer> {
  return rootSourceOf(root).newest();
}

function rootSourceOf(root: CaRoot): RootSource {
  if ('rootPem' in root) {
    const parsed = parseRoot(root.rootPem, 'CA root');
    return { newest: async () => parsed };
  }
  const what = `CA root file ${root.rootFile}`;
  return new FileValue({
    ...{ path: root.rootFile, what, code: 'ERR_CA_ROOT_INVALID', maxBytes: MAX_ROOT_BYTES },
    parse: (pem) => parseRoot(pem, what),
    isSame: (held, other) => held.equals(other),
  });
}

function parseRoot(pem: Buffer, what: string): Buffer {
  try {
    return TrustBundle.parsePem(pem).toPem();
  } catch (cause) {
    const detail = messageOf(cause);
    throw new IdentityError('ERR_CA_ROOT_INVALID', `${what}: ${detail}`, { cause });
  }
}
