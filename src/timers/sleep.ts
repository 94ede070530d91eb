import type { CancelSignal } from '../cancellation/index.js';
import type { TimerClock } from './wall-clock-timers.js';

/** Keeps the process alive, as a call under way does that pauses. */
const elapsedTime: Pick<TimerClock, 'after'> = {
  after(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * Resolves after `delayMs`, or as soon as one of the signals is cancelled, at once if one has been. Never rejects. For
 * short pauses: it waits for elapsed time, and not, as `waitUntil` does, for a time of the clock.
 */
export async function sleep(
  delayMs: number,
  signals: readonly CancelSignal[],
  clock: Pick<TimerClock, 'after'> = elapsedTime,
): Promise<void> {
  if (signals.some((signal) => signal.isCancelled)) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      stop();
      for (const signal of signals) signal.delete(pause);
      resolve();
    };
    const pause = { cancel: end };
    const stop = clock.after(delayMs, end);
    for (const signal of signals) signal.add(pause);
  });
}
