import { IdentityError } from '../../errors/index.js';
import { isoTime } from '../../pki/x509/index.js';

/** Epoch milliseconds; both ends belong to the period. (RFC 5280 §4.1.2.5) */
export interface Validity {
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
 * When the path of a leaf is to be proved: now, or when it begins, at most `maxAheadMs` later.
 * @throws IdentityError `ERR_SVID_NOT_VALID_NOW`: not yet, no more, or not for `minLifeMs` more.
 */
export function provedAtMs(
  { notBeforeMs, notAfterMs }: Validity,
  { nowMs, minLifeMs, maxAheadMs = 0 }: ValidityLimits,
): number {
  const atMs = Math.max(nowMs, notBeforeMs);
  if (atMs <= nowMs + maxAheadMs && atMs + minLifeMs <= notAfterMs) return atMs;
  const period = `${isoTime(notBeforeMs)} to ${isoTime(notAfterMs)}`;
  throw new IdentityError(
    'ERR_SVID_NOT_VALID_NOW',
    `leaf validity: got ${period}, expected to hold from ${isoTime(nowMs)} for ${minLifeMs} ms`,
  );
}
