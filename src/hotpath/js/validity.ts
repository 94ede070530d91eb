import { IdentityError } from '../../errors/index.js';
import { type IssuerPool, isoTime } from '../../pki/x509/index.js';

/** Epoch milliseconds; both ends belong to the period. (RFC 5280 §4.1.2.5) */
export interface CachedValidity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** When a leaf must be valid, and for how long, in milliseconds. */
export interface ValidityLimits {
  readonly nowMs: number;
  readonly minLifeMs: number;
  readonly maxAheadMs?: number;
}

/**
 * When the path of a leaf may be proved: now, or when the leaf begins; and when the last of its issuers begins, if one
 * of them begins later still. A CA whose clock is ahead may have made them all a moment ago.
 */
export type CachedTimes = readonly [first: number, later: number | undefined];

/** @throws IdentityError `ERR_SVID_NOT_VALID_NOW`: not yet, no more, or not for `minLifeMs` more. */
export function checkValidity({ notBeforeMs, notAfterMs }: CachedValidity, limits: ValidityLimits): void {
  const { nowMs, minLifeMs } = limits;
  if (isInTime(Math.max(nowMs, notBeforeMs), notAfterMs, limits)) return;
  const period = `${isoTime(notBeforeMs)} to ${isoTime(notAfterMs)}`;
  throw new IdentityError(
    'ERR_SVID_NOT_VALID_NOW',
    `leaf validity: got ${period}, expected to hold from ${isoTime(nowMs)} for ${minLifeMs} ms`,
  );
}

/** Of a leaf whose validity has been checked. */
export function cachedTimesOf(leaf: CachedValidity, { candidates }: IssuerPool, limits: ValidityLimits): CachedTimes {
  const first = Math.max(limits.nowMs, leaf.notBeforeMs);
  const beginnings = candidates.map(({ facts }) => (typeof facts === 'string' ? 0 : facts.notBeforeMs));
  const later = Math.max(0, ...beginnings.filter((ms) => isInTime(ms, leaf.notAfterMs, limits)));
  return [first, later > first ? later : undefined];
}

/** What begins then is within the skew, and a leaf with this end lives for long enough from then on. */
function isInTime(atMs: number, notAfterMs: number, { nowMs, minLifeMs, maxAheadMs = 0 }: ValidityLimits): boolean {
  return atMs <= nowMs + maxAheadMs && atMs + minLifeMs <= notAfterMs;
}
