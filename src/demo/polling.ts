import { setTimeout as delay } from 'node:timers/promises';

/** Short against the start of a process, long against a look at a file or a request on loopback. */
const POLL_MS = 25;

/**
 * Asks `probe` again and again until it gives something other than `undefined`; an error counts as `undefined`.
 * @throws Error naming `what` and the last error, when `signal` aborts first.
 */
export async function until<T>(what: string, signal: AbortSignal, probe: () => Promise<T | undefined>): Promise<T> {
  let cause: unknown;
  while (!signal.aborted) {
    try {
      const found = await probe();
      if (found !== undefined) return found;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await delay(POLL_MS);
  }
  throw new Error(`${what} did not happen in time`, { cause });
}
