import { IdentityError } from '../../errors/index.js';

export interface TtlLimits {
  /** For a request that asks for none. */
  readonly defaultTtlMs: number;
  /**
   * A request for more is refused, not cut, unless `outside` says so: the caller would plan its renewal by what it
   * asked for. (reference: Istio C9)
   */
  readonly maxTtlMs: number;
  /** Left out: any life that is of use. */
  readonly minTtlMs?: number | undefined;
  /** What becomes of a request for less or more; left out, it is refused. */
  readonly outside?: 'refuse' | 'clamp';
}

/** When a leaf is valid, in whole seconds as certificates count. */
export interface Validity {
  /** Epoch milliseconds. */
  readonly notBeforeMs: number;
  /** Epoch milliseconds. */
  readonly notAfterMs: number;
  /** From now to NotAfter. */
  readonly ttlMs: number;
}

/** A peer whose clock is behind accepts a fresh leaf at once. (reference: Istio C20) */
export const BACKDATING_MS = 120_000;

/** A leaf that lives for less is of no use, and sends its owner into a hot loop of renewals. (reference: Istio A45) */
export const MIN_TTL_MS = 5000;

/**
 * Decides the validity of a leaf. Pure. `requestedSeconds` comes from the wire: 0 and less ask for the default; less
 * than a useful life is raised to it. NotAfter is never later than `authorityNotAfterMs`.
 * @throws IdentityError `ERR_TTL_TOO_LONG`; `ERR_TTL_TOO_SHORT`; `ERR_REQUEST_INVALID` when it is no number;
 *   `ERR_CITADEL_NOT_READY` when the authority itself has ended, or so nearly that no useful life is left.
 */
export function decideValidity(
  requestedSeconds: number,
  limits: TtlLimits,
  authorityNotAfterMs: number,
  nowMs: number,
): Validity {
  const startMs = Math.floor(nowMs / 1000) * 1000;
  const wantedMs = startMs + wantedTtlMs(requestedSeconds, limits);
  const notAfterMs = Math.min(wantedMs, Math.floor(authorityNotAfterMs / 1000) * 1000);
  if (notAfterMs < startMs + MIN_TTL_MS) {
    const end = new Date(authorityNotAfterMs).toISOString();
    throw new IdentityError(
      'ERR_CITADEL_NOT_READY',
      `signing certificate: ends at ${end}, expected a life of at least ${MIN_TTL_MS / 1000} s`,
    );
  }
  return { notBeforeMs: startMs - BACKDATING_MS, notAfterMs, ttlMs: notAfterMs - startMs };
}

function wantedTtlMs(requestedSeconds: number, limits: TtlLimits): number {
  const { defaultTtlMs, maxTtlMs, outside } = limits;
  // A maximum of one rule counts more than a minimum of another.
  const minTtlMs = Math.min(limits.minTtlMs ?? 0, maxTtlMs);
  if (Number.isNaN(requestedSeconds)) {
    throw new IdentityError('ERR_REQUEST_INVALID', 'requested ttl: got no number, expected whole seconds');
  }
  if (requestedSeconds <= 0) return Math.min(Math.max(defaultTtlMs, minTtlMs), maxTtlMs);
  if (outside === 'clamp') return Math.max(MIN_TTL_MS, clampedMs(requestedSeconds, minTtlMs, maxTtlMs));
  if (requestedSeconds * 1000 < minTtlMs) {
    throw new IdentityError(
      'ERR_TTL_TOO_SHORT',
      `requested ttl: got ${requestedSeconds} s, expected at least ${Math.ceil(minTtlMs / 1000)} s`,
    );
  }
  if (requestedSeconds * 1000 > maxTtlMs) {
    throw new IdentityError(
      'ERR_TTL_TOO_LONG',
      `requested ttl: got ${requestedSeconds} s, expected at most ${Math.floor(maxTtlMs / 1000)} s`,
    );
  }
  return Math.max(MIN_TTL_MS, Math.floor(requestedSeconds) * 1000);
}

function clampedMs(requestedSeconds: number, minTtlMs: number, maxTtlMs: number): number {
  return Math.min(Math.max(Math.floor(requestedSeconds) * 1000, minTtlMs), maxTtlMs);
}
