import type { X509Certificate } from 'node:crypto';
import { IdentityError } from '../../errors/index.js';

/** Epoch milliseconds; both ends belong to the period. (RFC 5280 §4.1.2.5) */
export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/**
 * @throws IdentityError `ERR_SVID_MALFORMED`: a date that OpenSSL could not print. Node 20 has the dates as text
 *   only (`Nov 24 04:12:43 2026 GMT`), which `Date.parse` reads exactly.
 */
export function validityOf(certificate: X509Certificate): Validity {
  const notBeforeMs = Date.parse(certificate.validFrom);
  const notAfterMs = Date.parse(certificate.validTo);
  if (Number.isNaN(notBeforeMs) || Number.isNaN(notAfterMs)) {
    throw new IdentityError(
      'ERR_SVID_MALFORMED',
      'certificate validity: got no dates, expected notBefore and notAfter',
    );
  }
  return { notBeforeMs, notAfterMs };
}

/**
 * When a chain is to be proved: now, or when its leaf begins, at most `maxAheadMs` later.
 * @throws IdentityError `ERR_SVID_NOT_VALID_NOW`: not yet, no more, or not for `minLifeMs` more.
 */
export function provedAtMs(
  leaf: X509Certificate,
  {
    nowMs,
    minLifeMs,
    maxAheadMs = 0,
  }: { readonly nowMs: number; readonly minLifeMs: number; readonly maxAheadMs?: number },
): number {
  const { notBeforeMs, notAfterMs } = validityOf(leaf);
  const atMs = Math.max(nowMs, notBeforeMs);
  if (atMs <= nowMs + maxAheadMs && atMs + minLifeMs <= notAfterMs) return atMs;
  throw new IdentityError(
    'ERR_SVID_NOT_VALID_NOW',
    `leaf validity: got ${iso(notBeforeMs)} to ${iso(notAfterMs)}, expected to hold from ${iso(nowMs)} for ${minLifeMs} ms`,
  );
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
