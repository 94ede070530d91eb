import type { DecodedRequest } from './request-codec.js';

/**
 * What a wanted name takes besides its text: its string, its place in the list, and one in each map of what was sent,
 * applied and refused.
 */
const NAME_OVERHEAD_BYTES = 160;

/** Of a request that waits: the object and its texts, which are of bounded length. */
const REQUEST_OVERHEAD_BYTES = 256;

/** A character takes two octets as soon as one in its text is outside of Latin-1. */
const MAX_BYTES_PER_CHAR = 2;

/** Octets that names take as long as a stream wants them: at most, for how V8 keeps a text is its own affair. */
export function octetsOfNames(names: readonly string[]): number {
  let octets = 0;
  for (let index = 0; index < names.length; index += 1) {
    octets += NAME_OVERHEAD_BYTES + MAX_BYTES_PER_CHAR * (names[index]?.length ?? 0);
  }
  return octets;
}

/** Octets that a request takes that is kept until its caller is known. */
export function octetsOfRequest({ names, unsubscribed }: DecodedRequest): number {
  return REQUEST_OVERHEAD_BYTES + octetsOfNames(names) + octetsOfNames(unsubscribed);
}
