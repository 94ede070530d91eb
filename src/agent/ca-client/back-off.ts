/**
 * First wait of at most 100 ms: most failures are one lost connection. Same base as pilot-agent. (reference: Istio A66)
 */
const BASE_MS = 100;

/** A caller waits for the whole call, so no single wait is longer than a second. */
const CAP_MS = 1000;

/** The tries of one call, the first included. (reference: Istio A66) */
export const MAX_ATTEMPTS = 5;

/**
 * How long to wait after the `failures`-th failed attempt (counted from 1), in milliseconds: exponential with full
 * jitter, so that agents that lost their CA at the same moment do not come back at the same moment. `draw` is in [0,
 * 1).
 */
export function backOffMs(failures: number, draw: number): number {
  return Math.floor(draw * Math.min(CAP_MS, BASE_MS * 2 ** (failures - 1)));
}
