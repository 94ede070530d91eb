import type { LookupAddress } from 'node:dns';
import { isIP, type Socket } from 'node:net';
import { addressOrder } from './address-order.js';
import { DialRace, type DialRaceOptions } from './dial-race.js';
import type { DialEvents, Dialling } from './dialling.js';

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

/** How one peer is dialled. */
export interface PeerDial<S extends Socket> {
  /** A name or an address. */
  readonly host: string;
  /** Begins an attempt at one of its addresses. */
  readonly begin: DialRaceOptions<S>['begin'];
  /** Whether the peer was there, and was refused for what it showed. */
  readonly isUnverified: (error: Error) => boolean;
}

/** Looks a peer up and tries its addresses, until one attempt has succeeded or all have failed. */
export class PeerDialling<S extends Socket> implements Dialling {
  private readonly disarm: () => void;
  private race: DialRace<S> | undefined;
  private isOver = false;

  constructor(
    private readonly peer: PeerDial<S>,
    private readonly events: DialEvents<S>,
    private readonly network: DialNetwork = SYSTEM_NETWORK,
  ) {
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
    this.race = new DialRace<S>({
      addresses,
      begin: this.peer.begin,
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
      isUnverified: errors.every(this.peer.isUnverified),
    });
  }
}
