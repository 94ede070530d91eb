import { IdentityError } from '../../errors/index.js';
import { Shares } from '../../fairness/index.js';

/**
 * Of the places: the others are for workloads that have no certificate, and cannot start without one; a renewal that
 * waits has a third of a life left, or more.
 */
const RENEWAL_PART = 0.75;

/**
 * The places for requests in flight, and who has how many of them: by {@link Shares}, of connections, and of identities
 * once their tokens have been verified. Renewals do not get the last of them.
 */
export class IssuingShares {
  private total = 0;
  private readonly ofConnections = new Shares<number>();
  private readonly ofIdentities = new Shares<string>();

  /** As many as renewals may have. */
  private readonly renewalLimit: number;
  private readonly allTaken: string;
  private readonly keptForFirst: string;

  /** `shareDelayMs`: in how many milliseconds a caller that has its share is to come back; left out, it is not told. */
  constructor(
    private readonly limit: number,
    private readonly shareDelayMs: () => number | undefined = () => undefined,
  ) {
    this.renewalLimit = Math.ceil(limit * RENEWAL_PART);
    this.allTaken = `${limit} requests are in flight, try again later`;
    this.keptForFirst = `${this.renewalLimit} requests are in flight, the other places are for workloads without a certificate: try again later`;
  }

  get inFlight(): number {
    return this.total;
  }

  /** Whether hardly any request that comes now would get a place. */
  get isFull(): boolean {
    return this.total >= this.renewalLimit;
  }

  /**
   * Why there is no place for a caller whose token is not verified yet, or `undefined`. `isClaimedRenewal` is asked
   * only when few are left. Asked for each of a flood, so what it says is the same for all of them.
   */
  refusalFor(connection: number, isClaimedRenewal = (): boolean => false): PlaceRefusal | undefined {
    const free = this.limit - this.total;
    if (free <= 0) return { reason: this.allTaken };
    if (this.ofConnections.isTaken(connection, free)) {
      return { reason: CONNECTION_SHARE_TAKEN, retryAfterMs: this.shareDelayMs() };
    }
    return this.isFull && isClaimedRenewal() ? { reason: this.keptForFirst } : undefined;
  }

  /** Takes a place for a caller whose token is not verified yet, or says why there is none. */
  enter(connection: number): IssuingSlot | PlaceRefusal {
    const refusal = this.refusalFor(connection);
    if (refusal !== undefined) return refusal;
    this.total += 1;
    this.ofConnections.take(connection);
    return new IssuingSlot(this, connection);
  }

  /** For the place. @throws IdentityError `ERR_CITADEL_OVERLOADED`. */
  claim(identity: string, isRenewal: boolean): void {
    // The place itself has been taken already.
    const free = this.limit - this.total + 1;
    if (this.ofIdentities.isTaken(identity, free)) {
      const count = this.ofIdentities.of(identity);
      const reason = `${count} requests of ${identity} are in flight, which is its share while ${free} places are free: try again later`;
      throw overloaded(reason, this.shareDelayMs());
    }
    if (isRenewal && this.total > this.renewalLimit) throw overloaded(this.keptForFirst);
    this.ofIdentities.take(identity);
  }

  /** For the place. */
  leave(connection: number, identity: string | undefined): void {
    this.total -= 1;
    this.ofConnections.giveBack(connection);
    if (identity !== undefined) this.ofIdentities.giveBack(identity);
  }
}

const CONNECTION_SHARE_TAKEN =
  'this connection has its share of the requests in flight while others wait, try again later';

/** Why a request gets no place. */
export interface PlaceRefusal {
  readonly reason: string;
  /** Of a caller that has its share. */
  readonly retryAfterMs?: number | undefined;
}

/** One request's place. It is left once. */
export class IssuingSlot {
  private identity: string | undefined;

  constructor(
    private readonly shares: IssuingShares,
    private readonly connection: number,
  ) {}

  /**
   * Counts the place as one of this verified identity, too. @throws IdentityError `ERR_CITADEL_OVERLOADED`: it has its
   * share.
   */
  claimFor(identity: string, isRenewal: boolean): void {
    this.shares.claim(identity, isRenewal);
    this.identity = identity;
  }

  leave(): void {
    this.shares.leave(this.connection, this.identity);
  }
}

function overloaded(reason: string, retryAfterMs?: number): IdentityError {
  return new IdentityError('ERR_CITADEL_OVERLOADED', reason, { retryAfterMs });
}
