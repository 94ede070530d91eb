import { retryDelayMs } from '../rotation/index.js';

/**
 * Where one identity stands. What it *holds* and what it *does* are independent: every activity can go on with or
 * without a valid SVID.
 */
export interface Lifecycle {
  readonly activity: Activity;
  /** Failures in a row since the last success. */
  readonly failures: number;
  /** End of the SVID that is held, epoch milliseconds; 0 when there is none. */
  readonly notAfterMs: number;
}

export type Activity =
  /** Nothing is planned: before the start, and after the end. */
  | { readonly kind: 'dormant' }
  /** One CSR is in flight. */
  | { readonly kind: 'issuing' }
  /** The next CSR is due then: a renewal, or another try after a failure. */
  | { readonly kind: 'waiting'; readonly untilMs: number };

export type LifecycleEvent =
  /** An issue begins, because its time has come or because a caller's token asks for it. */
  | { readonly kind: 'begun' }
  | { readonly kind: 'issued'; readonly notAfterMs: number; readonly rotateAtMs: number }
  /** `draw` is in [0, 1). */
  | { readonly kind: 'failed'; readonly nowMs: number; readonly draw: number };

export const INITIAL_LIFECYCLE: Lifecycle = { activity: { kind: 'dormant' }, failures: 0, notAfterMs: 0 };

/** The next standing. Pure. A failure never touches what is held. */
export function advance(state: Lifecycle, event: LifecycleEvent): Lifecycle {
  switch (event.kind) {
    case 'begun':
      return { ...state, activity: { kind: 'issuing' } };
    case 'issued':
      return {
        activity: { kind: 'waiting', untilMs: event.rotateAtMs },
        failures: 0,
        notAfterMs: event.notAfterMs,
      };
    case 'failed': {
      const remainingMs = Math.max(0, state.notAfterMs - event.nowMs);
      const delayMs = retryDelayMs(state.failures, remainingMs, event.draw);
      return {
        activity: { kind: 'waiting', untilMs: event.nowMs + delayMs },
        failures: state.failures + 1,
        notAfterMs: state.notAfterMs,
      };
    }
    default:
      return event satisfies never;
  }
}

/**
 * Whether the `failures`-th failure in a row is worth a line: the 1st, 2nd, 4th, 8th and so on. An outage of hours
 * must be seen, and must not fill the disk.
 */
export function isWorthLogging(failures: number): boolean {
  return (failures & (failures - 1)) === 0;
}
