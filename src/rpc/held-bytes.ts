/** Of one connection: several requests of the largest size at once, which no Envoy has. */
const MAX_PER_CONNECTION = 4 * 1024 * 1024;

/** Of all: what is read of Envoys' first requests is thrown away as it comes, so an honest crowd holds next to nothing. */
const MAX_IN_ALL = 64 * 1024 * 1024;

/** Counts what is kept of messages that have not come whole, so that peers who send only beginnings cannot fill the memory. */
export class HeldBytes {
  /** By connection; of nobody who holds nothing. */
  private readonly byConnection = new Map<number, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** A call of `connection` holds `now` instead of `before`. False when that is too much; it is counted all the same. */
  change(connection: number, before: number, now: number): boolean {
    const held = (this.byConnection.get(connection) ?? 0) + now - before;
    if (held > 0) this.byConnection.set(connection, held);
    else this.byConnection.delete(connection);
    this.#total += now - before;
    return held <= MAX_PER_CONNECTION && this.#total <= MAX_IN_ALL;
  }
}
