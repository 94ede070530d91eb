/** So many at once are no crowd. */
const CROWD = 100;

/** Between two batches. */
const STEP_MS = 20;

/** Calls `act` for each item: at once for a few, for a crowd in even batches over `overMs`. */
export async function spread<T>(items: readonly T[], overMs: number, act: (item: T) => void): Promise<void> {
  const steps = items.length <= CROWD ? 1 : Math.max(1, Math.floor(overMs / STEP_MS));
  const batch = Math.ceil(items.length / steps);
  for (let start = 0; start < items.length; start += batch) {
    if (start > 0) await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    for (const item of items.slice(start, start + batch)) act(item);
  }
}
