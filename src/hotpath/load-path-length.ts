import type { pathLengthOf } from './js/path-length.js';

/** Brings an ASN.1 library along, which only a Citadel with a CA directory needs: an agent's bundle is without it. */
export async function loadPathLength(): Promise<typeof pathLengthOf> {
  return (await import('./js/path-length.js')).pathLengthOf;
}
