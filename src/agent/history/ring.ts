/** The last things of one kind, oldest first: each new one takes the place of the oldest. */
export class Ring<T> {
  private readonly entries: T[] = [];
  private lost = 0;

  constructor(private readonly capacity: number) {}

  /** How many have been pushed out. */
  get forgotten(): number {
    return this.lost;
  }

  get newest(): T | undefined {
    return this.entries.at(-1);
  }

  add(entry: T): void {
    if (this.entries.length === this.capacity) {
      this.entries.shift();
      this.lost += 1;
    }
    this.entries.push(entry);
  }

  replaceNewest(entry: T): void {
    this.entries[this.entries.length - 1] = entry;
  }

  list(): readonly T[] {
    return this.entries;
  }
}
