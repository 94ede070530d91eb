import type { CancelSignal } from '../cancellation/index.js';
import type { WallClockTimers } from './wall-clock-timers.js';

/**
 * Resolves at `atMs`, in epoch milliseconds, or when `signal` is cancelled before, at once if it has been. Never
 * rejects.
 */
export async function waitUntil(timers: WallClockTimers, atMs: number, signal: CancelSignal): Promise<void> {
  if (signal.isCancelled) return;
  await new Promise<void>((resolve) => {
    const call = timers.schedule(atMs, () => {
      signal.delete(waiting);
      resolve();
    });
    const waiting = {
      cancel() {
        call.cancel();
        resolve();
      },
    };
    signal.add(waiting);
  });
}
