import { IdentityError } from '../errors/index.js';
import type { Place } from './fair-queue.js';

/** A connection may have as many as are free: alone half of all. */
const OF_CONNECTION = 1;

/** Envoys may all be of one user, on a node with thousands of pods: alone it may have three quarters of all. */
const OF_USER = 3;

/** A real token has 1 to 2 kB: so all 8 192 places together hold at most 32 MB of tokens. */
const BYTES_OF_PLACE = 4096;

/**
 * Who may have how many tokens wait for the CA at once: so many times the places that are still free. The more are taken,
 * the less one may have, so that a few connections never take all. (Dynamic thresholds, Choudhury and Hahne, 1998)
 */
export class WaitingShares {
  private total = 0;
  private readonly ofConnections = new Map<number, number>();
  private readonly ofUsers = new Map<number | undefined, number>();

  constructor(private readonly maxWaiting: number) {}

  /** @throws IdentityError `ERR_CA_OVERLOADED`: no place is left for one more, of all or of its own. */
  throwIfTaken(place: Place | undefined): void {
    const free = this.maxWaiting - this.total;
    if (free <= 0) throw new IdentityError('ERR_CA_OVERLOADED', `${this.maxWaiting} tokens wait for the CA already`);
    if (place === undefined) return;
    const ofConnection = this.ofConnections.get(place.connection) ?? 0;
    if (ofConnection >= OF_CONNECTION * free) throw shareTaken(ofConnection, 'this connection', free);
    const ofUser = place.uid === undefined ? 0 : (this.ofUsers.get(place.uid) ?? 0);
    if (ofUser >= OF_USER * free) throw shareTaken(ofUser, `user ${place.uid}`, free);
  }

  /** A token of so many octets waits from now on: a long one takes several places, for it is kept. */
  taken(place: Place | undefined, tokenBytes: number): void {
    this.change(place, placesOf(tokenBytes));
  }

  givenBack(place: Place | undefined, tokenBytes: number): void {
    this.change(place, -placesOf(tokenBytes));
  }

  private change(place: Place | undefined, by: number): void {
    this.total += by;
    if (place === undefined) return;
    change(this.ofConnections, place.connection, by);
    change(this.ofUsers, place.uid, by);
  }
}

function placesOf(tokenBytes: number): number {
  return Math.max(1, Math.ceil(tokenBytes / BYTES_OF_PLACE));
}

function change<K>(counts: Map<K, number>, key: K, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

function shareTaken(count: number, whose: string, free: number): IdentityError {
  return new IdentityError(
    'ERR_CA_OVERLOADED',
    `${count} tokens of ${whose} wait for the CA already, which is its share while ${free} places are free`,
  );
}
