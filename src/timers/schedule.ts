/** Renew at half of the life, as Istio and SPIRE do: half of it is left for a CA that is away. */
const ROTATE_RATIO = 0.5;

/** Spread of ±5 % of the life: with 24 h leaves a fleet that started at once renews over 2.4 h. */
const ROTATE_JITTER_RATIO = 0.05;

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
export function rotateAtMs(window: RenewalWindow, draw: number): number {
  const startMs = Math.max(window.receivedAtMs, window.notBeforeMs);
  const lifeMs = Math.max(0, window.notAfterMs - startMs);
  const ratio = ROTATE_RATIO + (draw * 2 - 1) * ROTATE_JITTER_RATIO;
  return Math.max(startMs + lifeMs * ratio, window.receivedAtMs + MIN_ROTATE_INTERVAL_MS);
}
