/** How far through its life an SVID is renewed. */
export interface RenewalPolicy {
  /** Share of the life that was left when it came: above 0, below 1. */
  readonly renewAt: number;
}

/** Renew at half of the life, as Istio and SPIRE do: half of it is left for a CA that is away. */
export const DEFAULT_RENEWAL: RenewalPolicy = { renewAt: 0.5 };

/**
 * Spread around the renewal, as a share of the shorter of the two parts of the life that it divides: ±5 % of the life
 * at half of it, so that with 24 h leaves a fleet that started at once renews over 2.4 h. Near either end of the life
 * it is less, and never beyond that end.
 */
const JITTER_RATIO = 0.1;

/**
 * However short the leaf, no two rotations follow closer than this: a CA that answers short lives causes no hot loop.
 */
const MIN_ROTATE_INTERVAL_MS = 1000;

export interface RenewalWindow {
  /** Epoch milliseconds. */
  readonly receivedAtMs: number;
  /** Epoch milliseconds. */
  readonly notBeforeMs: number;
  /** Epoch milliseconds. */
  readonly notAfterMs: number;
}

/**
 * When to renew an SVID, in epoch milliseconds. Life counts from when we got it, not from NotBefore, which the CA
 * backdates. `draw` is in [0, 1) and drawn once per SVID: drawing again at each check would pull a fleet to the early
 * edge.
 */
export function rotateAtMs(window: RenewalWindow, draw: number, { renewAt } = DEFAULT_RENEWAL): number {
  const startMs = Math.max(window.receivedAtMs, window.notBeforeMs);
  const lifeMs = Math.max(0, window.notAfterMs - startMs);
  const jitter = Math.min(renewAt, 1 - renewAt) * JITTER_RATIO;
  const ratio = renewAt + (draw * 2 - 1) * jitter;
  return Math.max(startMs + lifeMs * ratio, window.receivedAtMs + MIN_ROTATE_INTERVAL_MS);
}
