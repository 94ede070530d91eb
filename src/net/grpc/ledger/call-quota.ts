import { heavy, idlest } from '../../../fairness/index.js';
import type { ConnectionAccount, PeerAccount } from './accounts.js';

/** A call, as far as it takes a place. */
export interface CountedCall {
  readonly account: ConnectionAccount;
  readonly pot: CallQuota;
  /** As of {@link ConnectionAccount.lastSeen}. */
  readonly lastSeen: number;
  /** Since when its peer owes us a message, or the room for our last one; `Infinity` when it owes nothing. */
  readonly waitingSinceMs: number;
  /** The peer has owed it for too long. */
  expireWait(): void;
  /** Ends at once, and frees its place, for others need it more. */
  evict(): void;
}

export interface QuotaLimits {
  /** Calls at a time. */
  readonly max: number;
  /** Those of them that connections may have which have proven nothing; all when left out. */
  readonly maxUnproven?: number;
  /** Those of one such peer; all when left out. */
  readonly maxPerUnproven?: number;
  /** Those of one connection; as many as HTTP/2 lets it have when left out. To be left out of a pot of thousands. */
  readonly maxPerConnection?: number;
}

/**
 * Part of the pot that is freed at once, for to look for it goes over all calls; and the most calls that one turn may
 * end.
 */
const FREED_PART = 1 / 64;
const MAX_FREED_AT_ONCE = 256;

/**
 * More than this part of a full pot is a large one: a connection that has so much is refused its next call at once, and
 * a peer that has proven itself is evicted.
 */
const LARGE_PART = 1 / 8;

/** To look over so many calls takes microseconds, so that it can be done for each call of a flood. */
const SMALL_POT = 1024;

/** Calls of one sort, which have their places in common. */
export class CallQuota {
  readonly calls = new Set<CountedCall>();
  private readonly max: number;
  private readonly maxUnproven: number;
  private readonly maxPerUnproven: number;
  private readonly maxPerConnection: number;
  private unprovenCalls = 0;

  constructor({ max, maxUnproven = max, maxPerUnproven, maxPerConnection }: QuotaLimits) {
    this.max = max;
    this.maxUnproven = maxUnproven;
    this.maxPerUnproven = maxPerUnproven ?? Number.POSITIVE_INFINITY;
    this.maxPerConnection = maxPerConnection ?? Number.POSITIVE_INFINITY;
  }

  /** Counts a call. False when it is one too many; it is counted all the same, until `remove`. */
  add(call: CountedCall): boolean {
    const { account } = call;
    this.calls.add(call);
    if (!account.isProven) this.unprovenCalls += 1;
    if (this.calls.size > this.maxPerConnection && this.count((of) => of === account) > this.maxPerConnection) {
      return false;
    }
    const isPeerFull = !account.isProven && account.peer.unprovenCalls > this.maxPerUnproven;
    if (!isPeerFull && !this.isFullFor(account)) return true;
    // Of a flood most calls end here, which costs nothing.
    if (this.max > SMALL_POT && account.calls > this.max * LARGE_PART) return false;
    return this.makeRoom(call, isPeerFull);
  }

  remove(call: CountedCall): void {
    if (this.calls.delete(call) && !call.account.isProven) this.unprovenCalls -= 1;
  }

  /** How many of its calls a connection has. Goes over all of them: for a small pot. */
  countOf(account: ConnectionAccount): number {
    return this.calls.size === 0 ? 0 : this.count((of) => of === account);
  }

  /** A connection with so many of the calls is about to be one that has proven itself. */
  proven(count: number): void {
    this.unprovenCalls -= count;
  }

  private isFullFor({ isProven }: ConnectionAccount): boolean {
    return this.calls.size > this.max || (!isProven && this.unprovenCalls > this.maxUnproven);
  }

  /**
   * Unproven calls are evicted first: those of the same peer when it has its share. Proven ones only where a peer has a
   * large part of all, and then before unproven ones of peers with few. False when none was.
   */
  private makeRoom(newcomer: CountedCall, isPeerFull: boolean): boolean {
    const { isProven, peer } = newcomer.account;
    const others: CountedCall[] = [];
    for (const call of this.calls) if (call !== newcomer) others.push(call);
    const unproven = others.filter(({ account }) => !account.isProven && (!isPeerFull || account.peer === peer));
    const isForStrangersAlone = isPeerFull || this.calls.size <= this.max;
    if (isProven || isForStrangersAlone) {
      if (this.free(unproven, peer, 1)) return true;
      return !isForStrangersAlone && this.free(others, peer, this.max * LARGE_PART);
    }
    return this.free(others, peer, this.max * LARGE_PART) || this.free(unproven, peer, 1);
  }

  /** Ends the idlest calls of those who have most, if that is at least `least`, and not less than what `peer` has. */
  private free(calls: readonly CountedCall[], peer: PeerAccount, least: number): boolean {
    const ofLargest = heavy(calls, ({ account }) => account.peer);
    const largest = ofLargest[0]?.account.peer;
    const most = largest === undefined ? 0 : ofLargest.filter(({ account }) => account.peer === largest).length;
    if (most < least || most * 2 < this.count((of) => of.peer === peer)) return false;
    const candidates = heavy(ofLargest, ({ account }) => account);
    const wanted = Math.min(MAX_FREED_AT_ONCE, Math.ceil(this.max * FREED_PART));
    const count = Math.min(wanted, Math.ceil(candidates.length / 2));
    for (const call of idlest(candidates, count)) call.evict();
    return count > 0;
  }

  private count(fits: (account: ConnectionAccount) => boolean): number {
    let count = 0;
    for (const { account } of this.calls) if (fits(account)) count += 1;
    return count;
  }
}
