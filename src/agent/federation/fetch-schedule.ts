/** Where a document does not say. (SPIFFE Federation §5.3: "SHOULD ... five minutes") */
const DEFAULT_HINT_MS = 5 * 60_000;

/** Whatever it says: an endpoint cannot make us ask more often, or keep a withdrawn root for longer. */
const MIN_HINT_MS = 30_000;
const MAX_HINT_MS = 24 * 3_600_000;

/** Behind a failure: twice as long each time. */
const FAILED_FIRST_MS = 1000;
const FAILED_CAP_MS = 5 * 60_000;

/**
 * How long to wait for the next fetch, in milliseconds: what the document hints at, shortened by up to a tenth, so that
 * agents that started together do not stay together; behind failures sooner, by up to a half. `draw` is in [0, 1).
 * Pure.
 */
export function nextFetchMs(
  { hintMs = DEFAULT_HINT_MS, failures }: { readonly hintMs?: number | undefined; readonly failures: number },
  draw: number,
): number {
  const regularMs = Math.min(MAX_HINT_MS, Math.max(MIN_HINT_MS, hintMs)) * (1 - draw / 10);
  if (failures === 0) return regularMs;
  const backOffMs = Math.min(FAILED_CAP_MS, FAILED_FIRST_MS * 2 ** Math.min(failures - 1, 10)) * (1 - draw / 2);
  return Math.min(regularMs, backOffMs);
}
