/**
 * Streams that are sent to in one turn of the event loop. 5 000 at once stall the loop, and with it the keep-alive
 * PINGs of all Envoys, for 35 to 100 ms; in batches of this size a turn takes 2 to 5 ms.
 */
export const BATCH = 50;

/**
 * Calls `act`, which must not throw, for each of `all`: for the first {@link BATCH} at once, for the others in turns of
 * the event loop. Of a set, those that leave it meanwhile are left out.
 */
export function forEachChunk<T>(all: Iterable<T>, act: (one: T) => void): void {
  const rest = all[Symbol.iterator]();
  const turn = (): void => {
    for (let count = 0; count < BATCH; count += 1) {
      const { done, value } = rest.next();
      if (done === true) return;
      act(value);
    }
    setImmediate(turn);
  };
  turn();
}
