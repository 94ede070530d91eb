/**
 * What is evicted when a quota is full: those who hold most, and of what they hold that which has been idle for
 * longest. So a flood displaces itself, and a newcomer with one call is served whatever the others do. Pure. (Max-min
 * fairness)
 */

/** What has done something last at some place in an order of numbers. */
interface Aged {
  readonly lastSeen: number;
}

/** To sort so many takes a fraction of a millisecond. */
const MOST_SORTED = 1024;

/** How many of `all` each key has. */
function tally<T, K>(all: Iterable<T>, keyOf: (one: T) => K): Map<K, number> {
  const counts = new Map<K, number>();
  for (const one of all) {
    const key = keyOf(one);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Those of `all` whose keys have at least half of what the key with most has. */
export function heavy<T, K>(all: readonly T[], keyOf: (one: T) => K): T[] {
  const counts = tally(all, keyOf);
  let most = 0;
  for (const count of counts.values()) most = Math.max(most, count);
  return all.filter((one) => (counts.get(keyOf(one)) ?? 0) * 2 >= most);
}

/** Of `all`, in the order in which they began, at most `count` that have been idle for longest. */
export function idlest<T extends Aged>(all: readonly T[], count: number): T[] {
  // Who began last is not idle: of tens of thousands those need not be looked at, which would take long.
  const oldest = all.slice(0, Math.max(MOST_SORTED, 2 * count));
  return oldest.sort((a, b) => a.lastSeen - b.lastSeen).slice(0, count);
}
