import type { LookupAddress } from 'node:dns';

/** A name with more addresses than this is a mistake, or an attempt to make us dial half the network. */
const MAX_ADDRESSES = 16;

/**
 * In which order addresses are tried: as the resolver sorted them (RFC 6724), but with the families in turn, so that a
 * family that leads nowhere costs one attempt and not all. Each address once. (RFC 8305 §4)
 */
export function addressOrder(found: readonly LookupAddress[]): readonly string[] {
  const [first] = found;
  const preferred = distinct(found.filter(({ family }) => family === first?.family));
  const other = distinct(found.filter(({ family }) => family !== first?.family));
  const order: string[] = [];
  for (let index = 0; index < Math.max(preferred.length, other.length); index += 1) {
    order.push(...preferred.slice(index, index + 1), ...other.slice(index, index + 1));
  }
  return order.slice(0, MAX_ADDRESSES);
}

function distinct(found: readonly LookupAddress[]): readonly string[] {
  return [...new Set(found.map(({ address }) => address))];
}
