import { readFile } from 'node:fs/promises';
import { IdentityError, wrapError } from '../errors/index.js';
import { openChannel, type RpcChannel } from '../rpc/index.js';
import { TrustBundle } from '../spiffe/index.js';

/** The roots that the CA's own certificate must lead to. A file is read again for each new connection. */
export type CaRoot = { readonly rootFile: string } | { readonly rootPem: Buffer };

export type CaConnectionOptions = CaAddress & CaRoot;

export interface CaAddress {
  /** `host:port`, an IPv6 address in brackets. */
  readonly address: string;
  /** The name in the CA's certificate, when it is not the host of `address`. */
  readonly serverName?: string;
}

/** A right to use the shared channel; give it back by {@link CaConnection.release}. */
export interface Lease {
  readonly channel: RpcChannel;
}

interface SharedChannel extends Lease {
  users: number;
  isRetired: boolean;
}

/**
 * The one connection to the CA that all calls share. After a failure the next call gets a new one, made with the root
 * file as it stands then: that is how a changed root is picked up. (reference: Istio A67)
 */
export class CaConnection {
  #current: Promise<SharedChannel> | undefined;
  readonly #open = new Set<SharedChannel>();
  #isClosed = false;

  constructor(private readonly options: CaConnectionOptions) {}

  /** @throws IdentityError `ERR_CA_ROOT_INVALID`; `ERR_CANCELLED` after {@link close}. */
  async lease(): Promise<Lease> {
    for (;;) {
      if (this.#isClosed) throw new IdentityError('ERR_CANCELLED', 'the CA client is closed');
      this.#current ??= this.#dial();
      const shared = await this.#current;
      // While we waited another call may have failed on it.
      if (shared.isRetired) continue;
      shared.users += 1;
      return shared;
    }
  }

  /**
   * Gives a lease back. With `isBroken` no later call gets this channel; it is closed when the last call on it has
   * ended, for the failure of one is no reason to cut off the others.
   */
  release(lease: Lease, isBroken: boolean): void {
    for (const shared of this.#open) {
      if (shared !== lease) continue;
      shared.users -= 1;
      if (isBroken) this.#retire(shared);
      if (shared.isRetired && shared.users === 0) this.#end(shared);
    }
  }

  /** Ends the connection and all calls on it. Safe to call twice. */
  close(): void {
    this.#isClosed = true;
    for (const shared of this.#open) {
      this.#retire(shared);
      this.#end(shared);
    }
  }

  #retire(shared: SharedChannel): void {
    if (shared.isRetired) return;
    shared.isRetired = true;
    this.#current = undefined;
  }

  #end(shared: SharedChannel): void {
    if (this.#open.delete(shared)) shared.channel.close();
  }

  async #dial(): Promise<SharedChannel> {
    try {
      const { address, serverName } = this.options;
      const rootPem = await readRoot(this.options);
      const named = serverName === undefined ? {} : { serverName };
      const channel = openChannel({ tls: { address, rootPem, ...named } });
      const shared: SharedChannel = { channel, users: 0, isRetired: false };
      this.#open.add(shared);
      // Closed while the root was being read: the caller's loop sees it.
      if (this.#isClosed) this.close();
      return shared;
    } catch (error) {
      this.#current = undefined;
      throw error;
    }
  }
}

async function readRoot(root: CaRoot): Promise<Buffer> {
  if ('rootPem' in root) return parseRoot(root.rootPem, 'CA root');
  const what = `CA root file ${root.rootFile}`;
  try {
    return parseRoot(await readFile(root.rootFile), what);
  } catch (error) {
    throw wrapError('ERR_CA_ROOT_INVALID', what, error);
  }
}

function parseRoot(pem: Buffer, what: string): Buffer {
  try {
    return TrustBundle.parsePem(pem).toPem();
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new IdentityError('ERR_CA_ROOT_INVALID', `${what}: ${detail}`, { cause });
  }
}
