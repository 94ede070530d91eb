/** How far through its life an SVID is renewed. */
export interface RenewalPolicy {
  /** Share of the life that was left when it came: above 0, below 1. */
  readonly renewAt: number;
  /**
   * For so long may the CA be away, from whenever on, and no SVID expires: it is renewed sooner where that takes it. In
   * milliseconds; 0 unless given.
   */
  readonly surviveOutageMs?: number | undefined;
}

/** When an SVID is renewed, and what that is good for. */
export interface RenewalPlan {
  /** Epoch milliseconds. */
  readonly rotateAtMs: number;
  /** False when the life is too short for the outage that is to be survived; what can be done is done. */
  readonly survivesOutage: boolean;
}

/** Renew at half of the life, as Istio and SPIRE do: half of it is left for a CA that is away. */
const DEFAULT_RENEWAL: RenewalPolicy = { renewAt: 0.5 };

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

/**
 * An outage that is to be survived brings the renewal no further forward than this share of the life: at half of it a
 * CA has two calls a life to answer, here ten, and nearer to the beginning they become a hot loop.
 */
const EARLIEST_FOR_OUTAGE = 0.1;

/** Behind an outage the next retry must find the CA back while there is still life: this share of it, or a minute. */
const OUTAGE_MARGIN = 0.05;
const MAX_OUTAGE_MARGIN_MS = 60_000;

export interface RenewalWindow {
  /** Epoch milliseconds. */
  readonly receivedAtMs: number;
  /** Epoch milliseconds. */
  readonly notBeforeMs: number;
  /** Epoch milliseconds. */
  readonly notAfterMs: number;
}

/**
 * When to renew an SVID. Life counts from when we got it, not from NotBefore, which the CA backdates. `draw` is in
 * [0, 1) and drawn once per SVID: drawing again at each check would pull a fleet to the early edge. Pure.
 */
export function planRenewal(
  { receivedAtMs, notBeforeMs, notAfterMs }: RenewalWindow,
  draw: number,
  { renewAt, surviveOutageMs = 0 }: RenewalPolicy = DEFAULT_RENEWAL,
): RenewalPlan {
  const startMs = Math.max(receivedAtMs, notBeforeMs);
  const lifeMs = Math.max(0, notAfterMs - startMs);
  const jitter = Math.min(renewAt, 1 - renewAt) * JITTER_RATIO;
  const latestDrawMs = lifeMs * (renewAt + jitter);
  const marginMs = Math.min(MAX_OUTAGE_MARGIN_MS, surviveOutageMs * OUTAGE_MARGIN);
  const latestForOutageMs = notAfterMs - surviveOutageMs - marginMs - startMs;
  // The whole spread moves forward, and becomes narrower: a fleet that has the same latest time must not meet there.
  const latestMs = Math.min(latestDrawMs, Math.max(latestForOutageMs, lifeMs * EARLIEST_FOR_OUTAGE));
  const scale = latestDrawMs > latestMs ? latestMs / latestDrawMs : 1;
  const afterMs = lifeMs * (renewAt + (draw * 2 - 1) * jitter) * scale;
  const floorMs = receivedAtMs + MIN_ROTATE_INTERVAL_MS;
  return {
    rotateAtMs: Math.max(startMs + afterMs, floorMs),
    survivesOutage: surviveOutageMs === 0 || Math.max(latestMs, floorMs - startMs) <= latestForOutageMs,
  };
}

/** When to renew at half of the life, in epoch milliseconds. `draw` as of {@link planRenewal}. */
export function rotateAtMs(window: RenewalWindow, draw: number): number {
  return planRenewal(window, draw).rotateAtMs;
}
