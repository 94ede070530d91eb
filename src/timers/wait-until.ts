import type { WallClockTimers } from './wall-clock-timers.js';

/** Resolves at `atMs`, in epoch milliseconds, or when `signal` aborts before, at once when it has. Never rejects. */
export async function waitUntil(timers: WallClockTimers, atMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const call = timers.schedule(atMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    const onAbort = (): void => {
      call.cancel();
      resolve();
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
