interface Question {
  readonly places?: number;
  readonly part?: number;
}

/**
 * How many of some common places each holder has, and when it has its share: so many times the places that are still
 * free. The more are taken, the less one may have, so that a few holders never take all, and a newcomer finds a place.
 * With a part of 1 one holder alone gets half of all. (Dynamic thresholds, Choudhury and Hahne, 1998)
 */
export class Shares<K> {
  /** No holder is here that has nothing. */
  private readonly counts = new Map<K, number>();

  constructor(private readonly part = 1) {}

  /** How many a holder has. */
  of(holder: K): number {
    return this.counts.get(holder) ?? 0;
  }

  /**
   * Whether a holder has its share, and may not have `places` more, while so many are free. `part`: another one, for
   * this question.
   */
  isTaken(holder: K, free: number, { places = 1, part = this.part }: Question = {}): boolean {
    const more = places - 1;
    return !(this.of(holder) + more < part * (free - more));
  }

  take(holder: K, places = 1): void {
    this.counts.set(holder, this.of(holder) + places);
  }

  /** Once for each that was taken. */
  giveBack(holder: K, places = 1): void {
    const left = this.of(holder) - places;
    if (left > 0) this.counts.set(holder, left);
    else this.counts.delete(holder);
  }
}
