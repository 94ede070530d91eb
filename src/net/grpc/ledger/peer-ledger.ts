import { heavy, idlest } from '../../../fairness/index.js';
import type { Wire } from '../../http2/index.js';
import { addressKey, peerKey } from '../../transport/index.js';
import { ConnectionAccount, PeerAccount } from './accounts.js';
import { CallQuota, type CountedCall, type QuotaLimits } from './call-quota.js';
import { UnprovenCallBudget } from './unproven-call-budget.js';

/** Octets. */
export interface ByteLimits {
  readonly maxPerConnection: number;
  /** Of all connections of one peer that have proven nothing. */
  readonly maxPerUnproven: number;
  /** Of all connections that have proven nothing; the rest is kept for those that have. */
  readonly maxUnproven: number;
  readonly max: number;
}

/**
 * A gateway that asks for 2 000 secrets at once, each on two streams with a token of 2 kB, holds 10 MB until the token
 * is proven. What is read of the first requests of Envoys is thrown away as it comes, so a crowd of them holds next to
 * nothing.
 */
const BYTES: ByteLimits = {
  maxPerConnection: 16 * 1024 * 1024,
  maxPerUnproven: 32 * 1024 * 1024,
  maxUnproven: 48 * 1024 * 1024,
  max: 64 * 1024 * 1024,
};

/** What probes ask: each has one call, and a sidecar a few probes. */
const HEALTH: QuotaLimits = { max: 1024, maxPerConnection: 64 };

/** People with a tool are few. */
const REFLECTION: QuotaLimits = { max: 64, maxPerConnection: 32 };

/**
 * Calls that wait for news, such as another trust bundle: each is held for minutes, and must not take the places of
 * those that want an answer now.
 */
const WATCH: QuotaLimits = { max: 4096, maxUnproven: 512, maxPerUnproven: 256 };

/** What is not gRPC is answered when it has ended; above this it is answered at once. */
const OTHER: QuotaLimits = { max: 1024, maxPerConnection: 16 };

export type QuotaName = 'service' | 'watch' | 'health' | 'reflection' | 'other';

/** A message, or the room for one, is owed for so long: the first message of a real Envoy takes milliseconds. */
const WAIT_MS = 30_000;

/**
 * A peer with more octets than this part of all is refused more of them when they are short, and nothing is evicted for
 * it.
 */
const LARGE_PART = 1 / 8;

/**
 * The last tries of a peer are for the first tokens of connections: a connection that has had one does not take what
 * others wait for.
 */
const KEPT_TRIES = 16;

export interface PeerLedgerOptions {
  readonly service: QuotaLimits;
  readonly bytes?: ByteLimits;
  /** A connection is about to be ended for what it holds. */
  readonly onDrop?: (account: ConnectionAccount) => void;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

/**
 * All that peers make a server hold, from the first octet of a frame to the end of the stream: octets and open calls,
 * per connection, per peer and in all. The one place that decides whether there is room for more, and what is evicted
 * when not.
 */
export class PeerLedger {
  /** By number. */
  private readonly accounts = new Map<number, ConnectionAccount>();
  readonly pots: Readonly<Record<QuotaName, CallQuota>>;
  /** All but that of the service. */
  private readonly smallPots: readonly CallQuota[];
  private readonly peers = new Map<string | number, PeerAccount>();
  private readonly limits: ByteLimits;
  private readonly now: () => number;
  private readonly onDrop: (account: ConnectionAccount) => void;
  private readonly tries: UnprovenCallBudget;
  private sequence = 0;
  private accountNumber = 0;
  private bytes = 0;
  private unprovenBytes = 0;

  constructor({ service, bytes = BYTES, onDrop = () => {}, now }: PeerLedgerOptions) {
    this.limits = bytes;
    this.now = now;
    this.onDrop = onDrop;
    this.tries = new UnprovenCallBudget(now);
    const small = {
      ...{ watch: new CallQuota(WATCH), health: new CallQuota(HEALTH) },
      ...{ reflection: new CallQuota(REFLECTION), other: new CallQuota(OTHER) },
    };
    this.pots = { service: new CallQuota(service), ...small };
    this.smallPots = Object.values(small);
  }

  /** Of all connections. */
  get heldBytes(): number {
    return this.bytes;
  }

  /** That of a connection which is open; `undefined` for any other. */
  account(number: number): ConnectionAccount | undefined {
    return this.accounts.get(number);
  }

  /**
   * Of the connections that fit, at most `count` to end for a newcomer: of those that have proven nothing, of the peer
   * that has most of them, the ones that have been idle for longest. Proven ones are evicted only when another peer has
   * more than half of all.
   */
  idlest(count: number, newcomer: ConnectionAccount, fits: (account: ConnectionAccount) => boolean) {
    const all = [...this.accounts.values()].filter((account) => account !== newcomer && fits(account));
    const unproven = all.filter(({ isProven }) => !isProven);
    if (unproven.length > 0) return idlest(heavy(unproven, peerOf), count);
    const [first] = heavy(all, peerOf);
    const ofOne = all.filter(({ peer }) => peer === first?.peer && peer !== newcomer.peer);
    return ofOne.length * 2 > all.length ? idlest(ofOne, 1) : [];
  }

  /**
   * Takes one of its peer's tries for a connection that has proven nothing: see {@link UnprovenCallBudget}. False when
   * there is none.
   */
  mayTry(account: ConnectionAccount): boolean {
    const { isProven, hasTry, peer } = account;
    account.hasTry = false;
    return isProven || hasTry || this.tries.take(peer.key, KEPT_TRIES);
  }

  /** The try was that of a proven peer: it is given back. */
  giveBackTry({ peer }: ConnectionAccount): void {
    this.tries.giveBack(peer.key);
  }

  /**
   * Takes one for the first token of a connection from there that is about to begin: so others, which are open already,
   * do not take it meanwhile. To be given to `open`, or back by {@link cancelTry}. False when there is none.
   */
  reserveTry(address: string): boolean {
    return this.tries.take(addressKey(address));
  }

  /** The connection has not begun. */
  cancelTry(address: string): void {
    this.tries.giveBack(addressKey(address));
  }

  /** The next place in the order of what peers do. */
  tick(): number {
    this.sequence += 1;
    return this.sequence;
  }

  /** Opens the account of a connection, which has a try from {@link reserveTry} or not; to be closed once. */
  open({ peer, address }: Pick<Wire, 'peer' | 'address'>, hasTry = false): ConnectionAccount {
    this.accountNumber += 1;
    const key = peerKey(peer, address) ?? this.accountNumber;
    let holder = this.peers.get(key);
    if (holder === undefined) {
      holder = new PeerAccount(key, peer?.uid);
      this.peers.set(key, holder);
    }
    const account = new ConnectionAccount(this.accountNumber, holder, this.now());
    account.lastSeen = this.tick();
    account.hasTry = hasTry;
    holder.connections += 1;
    holder.unprovenConnections += 1;
    this.accounts.set(account.number, account);
    return account;
  }

  /** The connection is over, and with it all of its calls. */
  close(account: ConnectionAccount | undefined): void {
    if (account === undefined || !this.accounts.delete(account.number)) return;
    const { peer } = account;
    this.change(account, -account.bytes);
    account.isClosed = true;
    if (account.hasTry) this.giveBackTry(account);
    peer.connections -= 1;
    if (!account.isProven) peer.unprovenConnections -= 1;
    if (peer.connections === 0) this.peers.delete(peer.key);
  }

  /** From now on it has the room that is kept for those who are known. Safe to call again. */
  prove(account: ConnectionAccount): void {
    if (account.isProven || !this.accounts.has(account.number)) return;
    const { peer } = account;
    const { service } = this.pots;
    let rest = account.calls;
    for (const pot of this.smallPots) {
      const count = pot.countOf(account);
      pot.proven(count);
      rest -= count;
    }
    // Not counted by going over all of them: thousands of Envoys prove themselves in a moment, and have nothing but
    // these.
    service.proven(rest);
    account.isProven = true;
    peer.unprovenConnections -= 1;
    peer.unprovenCalls -= account.calls;
    peer.unprovenBytes -= account.bytes;
    this.unprovenBytes -= account.bytes;
  }

  /** A call is there. False when it is one too many; it is counted all the same, until `ended`. */
  began(call: CountedCall): boolean {
    const { account, pot } = call;
    account.lastSeen = call.lastSeen;
    account.calls += 1;
    account.peer.calls += 1;
    if (!account.isProven) account.peer.unprovenCalls += 1;
    return pot.add(call);
  }

  /** It is no more. */
  ended(call: CountedCall): void {
    const { account, pot } = call;
    pot.remove(call);
    account.calls -= 1;
    account.peer.calls -= 1;
    if (!account.isProven) account.peer.unprovenCalls -= 1;
    if (account.calls === 0) account.idleSinceMs = this.now();
  }

  /**
   * `account` holds so many more octets, or fewer. False when that is too much; it is counted all the same. Of one that
   * is closed nothing is counted: all that it held has been given back.
   */
  change(account: ConnectionAccount, bytes: number): boolean {
    const { peer, isProven, isClosed } = account;
    if (isClosed) return bytes <= 0;
    // Also for -0: with it V8 would keep the sums as doubles, and make an object of each number that is read.
    if (bytes === 0) return true;
    account.bytes += bytes;
    peer.bytes += bytes;
    this.bytes += bytes;
    if (!isProven) {
      peer.unprovenBytes += bytes;
      this.unprovenBytes += bytes;
    }
    if (bytes <= 0) return true;
    if (account.bytes > this.limits.maxPerConnection) return false;
    if (!isProven && peer.unprovenBytes > this.limits.maxPerUnproven) return false;
    return !this.isShortFor(account) || this.makeRoom(account);
  }

  /** Ends the calls whose peers owe them something for too long. */
  expireWaits(): void {
    this.tries.sweep();
    const sinceMs = this.now() - WAIT_MS;
    for (const { calls } of Object.values(this.pots)) {
      for (const call of calls) if (call.waitingSinceMs <= sinceMs) call.expireWait();
    }
  }

  private isShortFor({ isProven }: ConnectionAccount): boolean {
    return this.bytes > this.limits.max || (!isProven && this.unprovenBytes > this.limits.maxUnproven);
  }

  /** The connections that hold most are evicted, unproven ones first: each is ended, with all that it holds. */
  private makeRoom(account: ConnectionAccount): boolean {
    while (this.isShortFor(account)) {
      if (account.peer.bytes > this.limits.max * LARGE_PART) return false;
      const largest = this.largest(({ isProven }) => !isProven) ?? this.largest(() => true);
      if (largest === undefined || largest === account || largest.bytes <= account.bytes) return false;
      this.onDrop(largest);
      largest.holder?.drop('got more to hold than there is room for');
      // A connection without a holder, or one that frees nothing, must not keep us here.
      if (this.accounts.has(largest.number)) return false;
    }
    return true;
  }

  private largest(fits: (account: ConnectionAccount) => boolean): ConnectionAccount | undefined {
    let found: ConnectionAccount | undefined;
    for (const one of this.accounts.values()) if (fits(one) && one.bytes > (found?.bytes ?? 0)) found = one;
    return found;
  }
}

function peerOf({ peer }: ConnectionAccount): PeerAccount {
  return peer;
}
