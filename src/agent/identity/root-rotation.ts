import type { X509Certificate } from 'node:crypto';

/** A root that the CA no longer names, and how long it is served all the same. */
export interface RetiredRoot {
  readonly certificate: X509Certificate;
  /** Epoch milliseconds. */
  readonly untilMs: number;
}

/** The roots of a trust domain as an identity has met them. */
export interface Roots {
  /** Of the CA's last answer. */
  readonly issued: readonly X509Certificate[];
  readonly retired: readonly RetiredRoot[];
}

/** What came with an answer of the CA. */
export interface RootsAnswer {
  readonly issued: readonly X509Certificate[];
  readonly nowMs: number;
  /** End of the latest leaf that we know of: that of the answer, or the held one. Epoch milliseconds. */
  readonly lastLeafEndMs: number;
}

/**
 * A CA that names other roots in each answer must not make the bundle grow without end; real rotations overlap by one.
 */
const MAX_RETIRED = 8;

/**
 * The roots after an answer. A root that the CA has dropped stays until no leaf of it can be valid any more: peers have
 * leaves of it that were issued up to now, and live as long as ours do. It also goes when it has ended itself, or when
 * it is one of more than eight. (reference: SDS 1.8, row 46)
 *
 * That holds for a root that was replaced. Of one that was stolen an operator rids the fleet by restarting the agents:
 * nothing of this outlives the process.
 */
export function afterAnswer(known: Roots, { issued, nowMs, lastLeafEndMs }: RootsAnswer): Roots {
  const named = new Set(issued.map(({ fingerprint256 }) => fingerprint256));
  const dropped = known.issued.map((certificate) => ({ certificate, untilMs: lastLeafEndMs }));
  const retired = [...known.retired, ...dropped].filter(({ certificate }) => !named.has(certificate.fingerprint256));
  return afterTime({ issued, retired: retired.slice(-MAX_RETIRED) }, nowMs);
}

/**
 * The roots when time has passed: without those that have expired, since Envoy refuses every peer when it comes to such
 * a one. A bundle is never empty: when all have expired, those of the last answer stay.
 */
export function afterTime({ issued, retired }: Roots, nowMs: number): Roots {
  const living = issued.filter((certificate) => nowMs < expiryOf(certificate));
  const waiting = retired.filter((root) => nowMs < endOf(root));
  return { issued: living.length + waiting.length > 0 ? living : issued, retired: waiting };
}

/** When the next root goes after `nowMs`, in epoch milliseconds; `undefined` when none will. */
export function nextEndMs({ issued, retired }: Roots, nowMs: number): number | undefined {
  const ends = [...issued.map(expiryOf), ...retired.map(endOf)].filter((endMs) => endMs > nowMs);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** All roots that peers are verified with. */
export function servedRoots({ issued, retired }: Roots): readonly X509Certificate[] {
  return [...issued, ...retired.map(({ certificate }) => certificate)];
}

function endOf({ certificate, untilMs }: RetiredRoot): number {
  return Math.min(untilMs, expiryOf(certificate));
}

/** The first moment that no longer belongs to its validity. (RFC 5280 §4.1.2.5) */
function expiryOf({ validTo }: X509Certificate): number {
  return Date.parse(validTo) + 1;
}
