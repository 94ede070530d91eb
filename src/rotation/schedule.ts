/** Renew at half of the life, as Istio and SPIRE do: half of it is left for a CA that is away. */
const ROTATE_RATIO = 0.5;

/** Spread of ±5 % of the life: with 24 h leaves a fleet that started at once renews over 2.4 h. */
const ROTATE_JITTER_RATIO = 0.05;

/** However short the leaf, no two rotations follow closer than this: a CA that answers short lives causes no hot loop. */
const MIN_ROTATE_INTERVAL_MS = 1000;

/** First retry within 100 ms: most failures are one lost connection. */
const RETRY_BASE_MS = 100;

/** While a valid SVID is held there is time: one attempt each 15 s on average keeps an outage quiet. */
const RETRY_CAP_MS = 30_000;

/** Without a valid SVID the workload is down: it must be back within a second of its CA. */
const RETRY_URGENT_CAP_MS = 1000;

/** At least this many retries fit into what is left of a life. */
const RETRIES_PER_REMAINING_LIFE = 10;

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
 * backdates. `draw` is in [0, 1) and drawn once per SVID: drawing again at each check would pull a fleet to the early edge.
 */
export function rotateAtMs(window: RenewalWindow, draw: number): number {
  const startMs = Math.max(window.receivedAtMs, window.notBeforeMs);
  const lifeMs = Math.max(0, window.notAfterMs - startMs);
  const ratio = ROTATE_RATIO + (draw * 2 - 1) * ROTATE_JITTER_RATIO;
  return Math.max(startMs + lifeMs * ratio, window.receivedAtMs + MIN_ROTATE_INTERVAL_MS);
}

/**
 * How long to wait after the `failures`-th failure in a row: exponential with full jitter (`draw` in [0, 1)), its cap
 * falling with the life that is left, so that retries get denser towards the end. `remainingMs` is that life; 0 when
 * there is no valid SVID.
 */
export function retryDelayMs(failures: number, remainingMs: number, draw: number): number {
  const cap = Math.min(RETRY_CAP_MS, Math.max(RETRY_URGENT_CAP_MS, remainingMs / RETRIES_PER_REMAINING_LIFE));
  // 2 ** 20 is far above any cap; the bound keeps the number finite after days of failures.
  const exponential = RETRY_BASE_MS * 2 ** Math.min(failures, 20);
  return Math.ceil(draw * Math.min(cap, exponential));
}
