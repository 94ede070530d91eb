import { IdentityError } from '../../errors/index.js';
import { Shares } from '../../fairness/index.js';

/**
 * The places for requests in flight, and who has how many of them: by {@link Shares}, of connections, and of identities
 * once their tokens have been verified.
 */
export class IssuingShares {
  private total = 0;
  private readonly ofConnections = new Shares<number>();
  private readonly ofIdentities = new Shares<string>();

  constructor(private readonly limit: number) {}

  get inFlight(): number {
    return this.total;
  }

  /** Takes a place for a caller whose token is not verified yet. @throws IdentityError `ERR_CITADEL_OVERLOADED`. */
  enter(connection: number): IssuingSlot {
    const free = this.limit - this.total;
    if (free <= 0) {
      throw new IdentityError('ERR_CITADEL_OVERLOADED', `${this.limit} requests are in flight, try again later`);
    }
    if (this.ofConnections.isTaken(connection, free)) {
      throw shareTaken(this.ofConnections.of(connection), 'this connection', free);
    }
    this.total += 1;
    this.ofConnections.take(connection);
    return new IssuingSlot(this, connection);
  }

  /** For the place. @throws IdentityError `ERR_CITADEL_OVERLOADED`. */
  claim(identity: string): void {
    // The place itself has been taken already.
    const free = this.limit - this.total + 1;
    if (this.ofIdentities.isTaken(identity, free)) throw shareTaken(this.ofIdentities.of(identity), identity, free);
    this.ofIdentities.take(identity);
  }

  /** For the place. */
  leave(connection: number, identity: string | undefined): void {
    this.total -= 1;
    this.ofConnections.giveBack(connection);
    if (identity !== undefined) this.ofIdentities.giveBack(identity);
  }
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
  claimFor(identity: string): void {
    this.shares.claim(identity);
    this.identity = identity;
  }

  leave(): void {
    this.shares.leave(this.connection, this.identity);
  }
}

function shareTaken(count: number, whose: string, free: number): IdentityError {
  return new IdentityError(
    'ERR_CITADEL_OVERLOADED',
    `${count} requests of ${whose} are in flight, which is its share while ${free} places are free: try again later`,
  );
}
