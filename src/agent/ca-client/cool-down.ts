/** Longer than a CA needs for a restart, and shorter than the shortest renewal of a certificate of minutes. */
const FIRST_MS = 10_000;

/** A CA that is away for hours costs one attempt in that time, and is asked again soon after it has come back. */
const CAP_MS = 5 * 60_000;

/** For how long a CA that gave no certificate is asked only when no other one is left. */
export interface CoolDown {
  /** In a row. */
  readonly failures: number;
  /** Epoch milliseconds. */
  readonly sinceMs: number;
  readonly lengthMs: number;
}

/**
 * The cool-down after one more failure: twice as long each time, shortened by up to a half, so that agents that lost
 * their CA at the same moment do not come back at the same moment; never shorter than the CA wants (`retryAfterMs`).
 * `draw` is in [0, 1). Pure.
 */
export function coolDownAfter(
  previous: CoolDown | undefined,
  { nowMs, draw, retryAfterMs }: { readonly nowMs: number; readonly draw: number; readonly retryAfterMs: number },
): CoolDown {
  const failures = (previous?.failures ?? 0) + 1;
  // Beyond the exponent the cap has long been reached.
  const wholeMs = Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
  return { failures, sinceMs: nowMs, lengthMs: Math.max(Math.floor(wholeMs * (1 - draw / 2)), retryAfterMs) };
}

/** Whether it is still going on. */
export function isCooling(coolDown: CoolDown | undefined, nowMs: number): coolDown is CoolDown {
  // The distance, not the order: a clock that was set back must not prolong it.
  return coolDown !== undefined && Math.abs(nowMs - coolDown.sinceMs) < coolDown.lengthMs;
}
