/**
 * Below this a leaf leaves no time for a CA that is away even for moments. One that expires later is taken although it
 * expires before the one that is held: an operator may have shortened the lives, or a token may end it.
 */
const MIN_REPLACING_LIFE_MS = 60_000;

/**
 * Whether a leaf that has just come is to be refused because what is held is worth more: it expires within a minute,
 * and sooner than the held one. Times are epoch milliseconds, `heldNotAfterMs` 0 when nothing is held. Pure.
 */
export function isTooShortToReplace(heldNotAfterMs: number, notAfterMs: number, nowMs: number): boolean {
  return notAfterMs < heldNotAfterMs && notAfterMs - nowMs < MIN_REPLACING_LIFE_MS;
}
