import { BACKDATING_MS, MIN_TTL_MS } from './issuing-policy.js';

/** When an intermediate was made, and when it ends. */
export interface IntermediateLife {
  /** Epoch milliseconds. */
  readonly madeAtMs: number;
  readonly notAfterMs: number;
}

/**
 * So long a new one is known before it signs: other replicas have read it by then, and Envoys that have revocation
 * lists have one of its key, without which they would refuse its leaves.
 */
const MAX_LEAD_MS = 3_600_000;
const LEADS_PER_LIFE = 8;

const DAY_MS = 24 * 3_600_000;

/** One that signs for a mesh whose leaves live for a day is made twice a month. */
const MIN_LIFE_MS = 30 * DAY_MS;

/** The life of a new one: no leaf is cut short by it, since it signs in the first half of its life alone. */
export function intermediateLifeMs(longestLeafMs: number): number {
  return Math.max(MIN_LIFE_MS, 2 * longestLeafMs);
}

/** Whether it can sign a leaf of a useful life. */
export function isUsable({ madeAtMs, notAfterMs }: IntermediateLife, nowMs: number): boolean {
  return madeAtMs - BACKDATING_MS <= nowMs && nowMs + MIN_TTL_MS <= notAfterMs;
}

/** Since when it signs, when there was another one before; epoch milliseconds. */
export function usedFromMs(life: IntermediateLife): number {
  return life.madeAtMs + leadMs(life);
}

/**
 * When the one after it is to be made, so that it signs from the middle of this one's life on; epoch milliseconds.
 * Never when the authority above ends with it.
 */
export function renewAtMs(life: IntermediateLife, authorityNotAfterMs: number): number {
  const { madeAtMs, notAfterMs } = life;
  // Certificates count whole seconds.
  if (notAfterMs + 1000 > authorityNotAfterMs) return Number.POSITIVE_INFINITY;
  return madeAtMs + (notAfterMs - madeAtMs) / 2 - leadMs(life);
}

/** The one that signs now: the newest that is known for long enough, else the newest. Pure; `undefined` without any. */
export function chooseIntermediate<T extends IntermediateLife>(all: readonly T[], nowMs: number): T | undefined {
  const usable = all.filter((life) => isUsable(life, nowMs));
  return newest(usable.filter((life) => usedFromMs(life) <= nowMs)) ?? newest(usable);
}

/** The newest that can sign; `undefined` without any. */
export function newestUsable<T extends IntermediateLife>(all: readonly T[], nowMs: number): T | undefined {
  return newest(all.filter((life) => isUsable(life, nowMs)));
}

function newest<T extends IntermediateLife>(all: readonly T[]): T | undefined {
  return all.reduce<T | undefined>((best, one) => (best && best.madeAtMs >= one.madeAtMs ? best : one), undefined);
}

function leadMs({ madeAtMs, notAfterMs }: IntermediateLife): number {
  return Math.min(MAX_LEAD_MS, (notAfterMs - madeAtMs) / LEADS_PER_LIFE);
}
