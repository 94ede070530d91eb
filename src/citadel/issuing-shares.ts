import { IdentityError } from '../errors/index.js';

/**
 * The places for requests in flight, and who has how many of them. A connection, and an identity once its token has been
 * verified, may have as many as are free: alone half of all, and less the more are taken. So a few callers never take all,
 * and whoever comes meanwhile finds a place. (Dynamic thresholds, Choudhury and Hahne, 1998)
 */
export class IssuingShares {
  private total = 0;
  private readonly ofConnections = new Map<number, number>();
  private readonly ofIdentities = new Map<string, number>();

  constructor(private readonly limit: number) {}

  get inFlight(): number {
    return this.total;
  }

  /** Takes a place for a caller whose token nobody has looked at. @throws IdentityError `ERR_CITADEL_OVERLOADED`. */
  enter(connection: number): Place {
    const free = this.limit - this.total;
    if (free <= 0) {
      throw new IdentityError('ERR_CITADEL_OVERLOADED', `${this.limit} requests are in flight, try again later`);
    }
    const mine = this.ofConnections.get(connection) ?? 0;
    if (mine >= free) throw shareTaken(mine, 'this connection', free);
    this.total += 1;
    this.ofConnections.set(connection, mine + 1);
    return new Place(this, connection);
  }

  /** For the place. @throws IdentityError `ERR_CITADEL_OVERLOADED`. */
  claim(identity: string): void {
    const mine = this.ofIdentities.get(identity) ?? 0;
    // The place itself has been taken already.
    const free = this.limit - this.total + 1;
    if (mine >= free) throw shareTaken(mine, identity, free);
    this.ofIdentities.set(identity, mine + 1);
  }

  /** For the place. */
  leave(connection: number, identity: string | undefined): void {
    this.total -= 1;
    giveBack(this.ofConnections, connection);
    if (identity !== undefined) giveBack(this.ofIdentities, identity);
  }
}

/** One request's place. Whoever entered leaves, once. */
export class Place {
  private identity: string | undefined;

  constructor(
    private readonly shares: IssuingShares,
    private readonly connection: number,
  ) {}

  /** Counts the place as one of this verified identity, too. @throws IdentityError `ERR_CITADEL_OVERLOADED`: it has its share. */
  claimFor(identity: string): void {
    this.shares.claim(identity);
    this.identity = identity;
  }

  leave(): void {
    this.shares.leave(this.connection, this.identity);
  }
}

function giveBack<K>(counts: Map<K, number>, key: K): void {
  const left = (counts.get(key) ?? 0) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}

function shareTaken(count: number, whose: string, free: number): IdentityError {
  return new IdentityError(
    'ERR_CITADEL_OVERLOADED',
    `${count} requests of ${whose} are in flight, which is its share while ${free} places are free: try again later`,
  );
}
