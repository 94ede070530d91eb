import type { SupervisedProcess } from './supervised-process.js';

/** What a start may take before the demo gives up; a slow machine needs a few seconds. */
const START_LIMIT_MS = 30_000;

/**
 * Waits for `ready`, which gives up when its signal aborts: after half a minute, or when `process` keeps dying or is
 * stopped.
 * @throws Error with the last lines of `process`.
 */
export async function whenUp(
  process: SupervisedProcess | undefined,
  ready: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const limit = AbortSignal.timeout(START_LIMIT_MS);
  if (process === undefined) {
    await ready(limit);
    return;
  }
  try {
    await ready(AbortSignal.any([limit, process.givenUp]));
  } catch (cause) {
    const lines = process.tail.map((line) => `\n      ${line}`).join('');
    throw new Error(`${process.name} did not get ready; its last lines:${lines}`, { cause });
  }
}
