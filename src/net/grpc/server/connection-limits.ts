import type { WirePeer } from '../../http2/index.js';

/** Why a connection is not let in. A closed list: it is a metric's label. */
export type Refusal = 'uid_not_allowed' | 'too_many' | 'too_many_of_uid' | 'too_many_of_address' | 'misbehaved';

export interface ConnectionLimitsOptions {
  /** Open at a time. */
  readonly maxConnections: number;
  /** Whose processes may connect; all, when left out. A peer that is not known is then refused. */
  readonly allowedUids?: ReadonlySet<number> | undefined;
  /** Milliseconds, never going back. */
  readonly now: () => number;
}

/**
 * What one uid may have of all: usually there is one, that of all Envoys, and the rest is kept for others, root's tools
 * among them.
 */
const SHARE_OF_UID = 0.9;

/** A process that has broken the protocol, or flooded us, is not heard again for so long. */
const PENALTY_MS = 10_000;

/** An honest proxy breaks off now and then; a process that keeps us busy does nothing else. */
const MISDEEDS_ALLOWED = 5;

/** Processes that are remembered: more of them at a time would be those of one user, whose share is bounded. */
const MAX_REMEMBERED = 1024;

interface Misdeeds {
  count: number;
  sinceMs: number;
}

/** Decides who may connect: from what the kernel says of a peer, before a byte of it is read. */
export class ConnectionLimits {
  private readonly options: ConnectionLimitsOptions;
  private readonly maxPerUid: number;
  /** Connections by uid; without an entry once it has none. */
  private readonly open = new Map<number | undefined, number>();
  /** By pid: a uid may be shared with honest processes. */
  private readonly misdeeds = new Map<number, Misdeeds>();
  private total = 0;

  constructor(options: ConnectionLimitsOptions) {
    this.options = options;
    this.maxPerUid = Math.max(1, Math.floor(options.maxConnections * SHARE_OF_UID));
  }

  /** Lets a peer in, who is to be counted out by `left`; or says why not. */
  enter(peer: WirePeer | undefined): Refusal | undefined {
    const refusal = this.refusalOf(peer);
    if (refusal !== undefined) return refusal;
    this.total += 1;
    this.open.set(peer?.uid, this.ofUid(peer) + 1);
    return undefined;
  }

  /** A connection that was let in has ended. */
  left(peer: WirePeer | undefined): void {
    this.total -= 1;
    const left = this.ofUid(peer) - 1;
    if (left > 0) this.open.set(peer?.uid, left);
    else this.open.delete(peer?.uid);
  }

  /** A connection had to be ended for what its peer did. */
  misbehaved(peer: WirePeer | undefined): void {
    // 0 is every process of another pid namespace.
    if (peer === undefined || peer.pid === 0) return;
    const nowMs = this.options.now();
    const known = this.misdeeds.get(peer.pid);
    if (known !== undefined && nowMs - known.sinceMs < PENALTY_MS) {
      known.count += 1;
      return;
    }
    if (this.misdeeds.size >= MAX_REMEMBERED) this.forgetOldest();
    this.misdeeds.delete(peer.pid);
    this.misdeeds.set(peer.pid, { count: 1, sinceMs: nowMs });
  }

  private refusalOf(peer: WirePeer | undefined): Refusal | undefined {
    const { allowedUids, maxConnections } = this.options;
    if (allowedUids !== undefined && (peer === undefined || !allowedUids.has(peer.uid))) return 'uid_not_allowed';
    if (this.total >= maxConnections) return 'too_many';
    if (peer === undefined) return undefined;
    if (this.ofUid(peer) >= this.maxPerUid) return 'too_many_of_uid';
    return this.isPunished(peer.pid) ? 'misbehaved' : undefined;
  }

  private ofUid(peer: WirePeer | undefined): number {
    return this.open.get(peer?.uid) ?? 0;
  }

  private isPunished(pid: number): boolean {
    const misdeeds = this.misdeeds.get(pid);
    if (misdeeds === undefined) return false;
    if (this.options.now() - misdeeds.sinceMs < PENALTY_MS) return misdeeds.count >= MISDEEDS_ALLOWED;
    this.misdeeds.delete(pid);
    return false;
  }

  private forgetOldest(): void {
    for (const pid of this.misdeeds.keys()) {
      this.misdeeds.delete(pid);
      return;
    }
  }
}
