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

  /** `shareDelayMs`: in how many milliseconds a caller that has its share is to come back; left out, it is not told. */
  constructor(
    private readonly limit: number,
    private readonly shareDelayMs: () => number | undefined = () => undefined,
  ) {
    this.renewalLimit = Math.ceil(limit * RENEWAL_PART);
  }

  get inFlight(): number {
    return this.total;
  }

  /** Whether hardly any request that comes now would get a place. */
  get isFull(): boolean {
    return this.total >= this.renewalLimit;
  }

  /**
   * Takes a place for a caller whose token is not verified yet, or says why there is none. `isClaimedRenewal` is asked
   * only when few are left.
   */
  enter(connection: number, isClaimedRenewal = (): boolean => false): IssuingSlot | PlaceRefusal {
    const free = this.limit - this.total;
    if (free <= 0) return { reason: `${this.limit} requests are in flight, try again later` };
    if (this.ofConnections.isTaken(connection, free)) {
      return {
        reason: shareTaken(this.ofConnections.of(connection), 'this connection', free),
        retryAfterMs: this.shareDelayMs(),
      };
    }
    if (this.isFull && isClaimedRenewal()) return { reason: this.keptForFirst() };
    this.total += 1;
    this.ofConnections.take(connection);
    return new IssuingSlot(this, connection);
  }

  /** For the place. @throws IdentityError `ERR_CITADEL_OVERLOADED`. */
  claim(identity: string, isRenewal: boolean): void {
    // The place itself has been taken already.
    const free = this.limit - this.total + 1;
    if (this.ofIdentities.isTaken(identity, free)) {
      throw overloaded(shareTaken(this.ofIdentities.of(identity), identity, free), this.shareDelayMs());
    }
    if (isRenewal && this.total > this.renewalLimit) throw overloaded(this.keptForFirst());
    this.ofIdentities.take(identity);
  }

  private keptForFirst(): string {
    return `${this.renewalLimit} requests are in flight, the other places are for workloads without a certificate: try again later`;
  }

  /** For the place. */
  leave(connection: number, identity: string | undefined): void {
    this.total -= 1;
    this.ofConnections.giveBack(connection);
    if (identity !== undefined) this.ofIdentities.giveBack(identity);
  }
}

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

function shareTaken(count: number, whose: string, free: number): string {
  return `${count} requests of ${whose} are in flight, which is its share while ${free} places are free: try again later`;
}

function overloaded(reason: string, retryAfterMs?: number): IdentityError {
  return new IdentityError('ERR_CITADEL_OVERLOADED', reason, { retryAfterMs });
}
