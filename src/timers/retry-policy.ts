/** How a try has failed, as far as it says when the next one is worth its cost. */
export type FailureKind =
  /** There was no answer, or not in time: the peer may be back at any moment. */
  | 'away'
  /** The peer is there and has too much to do: more requests make it worse. */
  | 'overloaded'
  /** The peer has refused, or its answer cannot be used. The same request fails again until something changes. */
  | 'refused';

export interface FailedTry {
  readonly kind: FailureKind;
  /** Failures in a row before this one. */
  readonly failures: number;
  /** Of the life of what is held; 0 when nothing valid is. */
  readonly remainingMs: number;
  /** How many share the peer with this one, itself included; 1 unless given. */
  readonly crowd?: number;
  /** What the peer has asked for; 0 unless given. */
  readonly notSoonerMs?: number;
}

/** First retry within 100 ms: most failures are one lost connection. */
const BASE_MS = 100;

/** A refusal is not lifted within milliseconds. */
const REFUSED_BASE_MS = 1000;

/** While a valid SVID is held there is time: one attempt each 15 s on average keeps an outage quiet. */
const CAP_MS = 30_000;

/** Without a valid SVID the workload is down: it must be back within a second of its CA. */
const URGENT_CAP_MS = 1000;

/** At least this many retries fit into what is left of a life. */
const RETRIES_PER_REMAINING_LIFE = 10;

/** A peer that has refused, or has too much to do, is not asked more often than that towards the end of a life. */
const HESITANT_CAP_MS = 2000;

/** For a crowd that is refused: 2 000 pods with a wrong root file must not keep a CA busy with refusals. */
const CROWD_CAP_MS = 5 * 60_000;

/** Of a whole crowd. With full jitter a cap of C means a try each C/2. */
const REFUSED_TRIES_PER_SECOND = 10;

/** Of a crowd whose certificates are about to expire. */
const LAST_TRIES_PER_SECOND = 50;

/** Of those for whom even that would be a try after the end: what is left of a life has two tries. */
const MOST_TRIES_PER_SECOND = 500;

/** The longest that a peer can make us wait by asking for it. */
const MAX_NOT_SOONER_MS = 5 * 60_000;

/** A CA that works takes no longer, whatever else it does. */
const MIN_ATTEMPT_MS = 2000;

const ATTEMPTS_PER_REMAINING_LIFE = 8;

/**
 * How long one attempt may take, in milliseconds, while what is held lives for `remainingMs`: a peer that hangs must
 * not use up all of that. `undefined` when nothing valid is held, which leaves nothing to lose.
 */
export function attemptTimeoutMs(remainingMs: number): number | undefined {
  if (!(remainingMs > 0)) return undefined;
  return Math.max(MIN_ATTEMPT_MS, Math.floor(remainingMs / ATTEMPTS_PER_REMAINING_LIFE));
}

/**
 * How long to wait after a failure, in milliseconds: exponential with full jitter (`draw` in [0, 1)). Pure.
 *
 * The cap falls with the life that is left, so that tries get denser towards its end. For a peer that is overloaded or
 * has refused it falls less far, and never below what a crowd may ask in all; with nothing valid to lose it is at its
 * highest: to ask such a peer more often brings nothing but load. A crowd waits longer, but for no more than half of
 * what is left of a life, or a peer that is well again is asked too late.
 */
export function retryDelayMs(failed: FailedTry, draw: number): number {
  // 2 ** 20 is far above any cap; the bound keeps the number finite after days of failures.
  const exponentialMs = baseMs(failed.kind) * 2 ** Math.min(failed.failures, 20);
  const notSoonerMs = Math.min(MAX_NOT_SOONER_MS, Math.max(0, failed.notSoonerMs ?? 0));
  return Math.ceil(notSoonerMs + draw * Math.min(capMs(failed), exponentialMs));
}

function baseMs(kind: FailureKind): number {
  return kind === 'refused' ? REFUSED_BASE_MS : BASE_MS;
}

function capMs({ kind, remainingMs, crowd = 1 }: FailedTry): number {
  const denserMs = remainingMs / RETRIES_PER_REMAINING_LIFE;
  if (kind === 'away') return Math.min(CAP_MS, Math.max(URGENT_CAP_MS, denserMs));
  const calmMs = kind === 'refused' ? Math.max(CAP_MS, shareMs(crowd, REFUSED_TRIES_PER_SECOND)) : CAP_MS;
  const shareOfLifeMs = Math.max(remainingMs / 2, shareMs(crowd, MOST_TRIES_PER_SECOND));
  const crowdMs = Math.min(shareMs(crowd, LAST_TRIES_PER_SECOND), shareOfLifeMs);
  const lastMs = Math.max(HESITANT_CAP_MS, crowdMs, denserMs);
  return Math.min(CROWD_CAP_MS, calmMs, remainingMs > 0 ? lastMs : calmMs);
}

/** The cap with which a crowd tries so often in all. */
function shareMs(crowd: number, triesPerSecond: number): number {
  return (2 * crowd * 1000) / triesPerSecond;
}
