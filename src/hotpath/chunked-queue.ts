/** Does something with each of many things, a few in each turn of the event loop: others go in between. */
export class ChunkedQueue<T> {
  private readonly waiting: T[] = [];
  private next = 0;
  private isPlanned = false;

  /** `act` must not throw. */
  constructor(
    private readonly perTurn: number,
    private readonly act: (one: T) => void,
    private readonly later: (turn: () => void) => void = setImmediate,
  ) {}

  /**
   * Behind all that came before. A lone one at once, when nothing waits; of several none, as the turn of the event loop
   * in which they come would else hold two of ours: that of their coming, and the first that is planned.
   */
  add(all: readonly T[]): void {
    for (const one of all) this.waiting.push(one);
    if (this.isPlanned) return;
    // Before anything is done: who is told may add something.
    this.isPlanned = true;
    if (all.length > 1) this.later(() => this.turn());
    else this.turn();
  }

  private turn(): void {
    const { waiting } = this;
    const end = Math.min(waiting.length, this.next + this.perTurn);
    for (; this.next < end; this.next += 1) {
      const one = waiting[this.next];
      if (one !== undefined) this.act(one);
    }
    if (this.next < waiting.length) {
      this.later(() => this.turn());
      return;
    }
    this.isPlanned = false;
    waiting.length = 0;
    this.next = 0;
  }
}
