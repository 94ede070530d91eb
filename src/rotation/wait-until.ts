import type { TimerWheel } from './timer-wheel.js';

/** Resolves at `atMs`, in epoch milliseconds, or when `signal` aborts before. Never rejects. */
export function waitUntil(timers: TimerWheel, atMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
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
