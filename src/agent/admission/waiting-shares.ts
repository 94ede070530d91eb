import { IdentityError } from '../../errors/index.js';
import type { QueuePlace } from '../../fairness/index.js';
import { Shares } from '../../fairness/index.js';

/** A connection may have as many as are free: alone half of all. */
const OF_CONNECTION = 1;

/** Envoys may all be of one user, on a node with thousands of pods: alone it may have three quarters of all. */
const OF_USER = 3;

/**
 * The same for a connection without a waiting token: seven eighths. Most Envoys of a node are of one user (Istio's is
 * 1337) and of process ids that the agent cannot see, so a few connections that fill the user's share would otherwise
 * keep its new pods out.
 */
const OF_USER_FOR_FIRST = 7;

/** A real token has 1 to 2 kB: so all 8 192 places together hold at most 32 MB of tokens. */
const BYTES_OF_PLACE = 4096;

/** Who may have how many tokens wait for the CA at once: by {@link Shares}, of connections and of users. */
export class WaitingShares {
  private total = 0;
  private readonly ofConnections = new Shares<number>(OF_CONNECTION);
  private readonly ofUsers = new Shares<number>();

  constructor(private readonly maxWaiting: number) {}

  /**
   * For a token of so many octets. The places that it would take on top of the first count as taken, so that shares are
   * the same whatever the length of tokens.
   * @throws IdentityError `ERR_CA_OVERLOADED`: no place is left for it, of all or of its own.
   */
  throwIfTaken(place: QueuePlace | undefined, tokenBytes: number): void {
    const places = placesOf(tokenBytes);
    const free = this.maxWaiting - this.total;
    if (free < places)
      throw new IdentityError('ERR_CA_OVERLOADED', `${this.maxWaiting} tokens wait for the CA already`);
    if (place === undefined) return;
    const { connection, uid } = place;
    const ofConnection = this.ofConnections.of(connection);
    if (this.ofConnections.isTaken(connection, free, { places }))
      throw shareTaken(ofConnection, 'this connection', free);
    const part = ofConnection === 0 ? OF_USER_FOR_FIRST : OF_USER;
    if (uid !== undefined && this.ofUsers.isTaken(uid, free, { places, part })) {
      throw shareTaken(this.ofUsers.of(uid), `user ${uid}`, free);
    }
  }

  /** A token of so many octets waits from now on: a long one takes several places, for it is kept. */
  taken(place: QueuePlace | undefined, tokenBytes: number): void {
    const places = placesOf(tokenBytes);
    this.total += places;
    if (place === undefined) return;
    this.ofConnections.take(place.connection, places);
    if (place.uid !== undefined) this.ofUsers.take(place.uid, places);
  }

  givenBack(place: QueuePlace | undefined, tokenBytes: number): void {
    const places = placesOf(tokenBytes);
    this.total -= places;
    if (place === undefined) return;
    this.ofConnections.giveBack(place.connection, places);
    if (place.uid !== undefined) this.ofUsers.giveBack(place.uid, places);
  }
}

function placesOf(tokenBytes: number): number {
  return Math.max(1, Math.ceil(tokenBytes / BYTES_OF_PLACE));
}

function shareTaken(count: number, whose: string, free: number): IdentityError {
  return new IdentityError(
    'ERR_CA_OVERLOADED',
    `${count} tokens of ${whose} wait for the CA already, which is its share while ${free} places are free`,
  );
}
