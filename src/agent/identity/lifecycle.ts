import { type FailureKind, retryDelayMs } from '../../timers/index.js';

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
  /** When it last asked sooner than planned because something had changed, epoch milliseconds; 0 before. */
  readonly hurriedAtMs: number;
  /** Something that a refusal may rest on has changed since the CSR in flight was made. */
  readonly isOutdated: boolean;
}

export type Activity =
  /** Nothing is planned: before the start, and after the end. */
  | { readonly kind: 'dormant' }
  /** One CSR is in flight. */
  | { readonly kind: 'issuing' }
  /** The next CSR is due then: a renewal, or, behind a refusal or another failure, one more try. */
  | { readonly kind: 'waiting'; readonly untilMs: number; readonly behind: FailureKind | 'issue' };

export type LifecycleEvent =
  /** An issue begins, because its time has come or because a caller's token asks for it. */
  | { readonly kind: 'begun' }
  | { readonly kind: 'issued'; readonly notAfterMs: number; readonly rotateAtMs: number }
  | Failed
  /** The token, the root file or the connection to the CA is another one: a refusal may be lifted. */
  | { readonly kind: 'changed'; readonly nowMs: number };

/** An issue that has failed; `draw` is in [0, 1). */
export interface Failed {
  readonly kind: 'failed';
  readonly nowMs: number;
  readonly draw: number;
  readonly failure: FailureKind;
  /** How many identities the agent has; 1 unless given. */
  readonly crowd?: number;
  /** What the CA has asked for; 0 unless given. */
  readonly notSoonerMs?: number;
}

export const INITIAL_LIFECYCLE: Lifecycle = {
  activity: { kind: 'dormant' },
  failures: 0,
  notAfterMs: 0,
  hurriedAtMs: 0,
  isOutdated: false,
};

/** A CA that refuses and hangs up each time is a change each time: it must not be what sets our pace. */
export const MIN_HURRY_INTERVAL_MS = 10_000;

/** The next standing. Pure. A failure never touches what is held. */
export function advance(state: Lifecycle, event: LifecycleEvent): Lifecycle {
  switch (event.kind) {
    case 'begun':
      return { ...state, activity: { kind: 'issuing' }, isOutdated: false };
    case 'issued':
      return {
        ...INITIAL_LIFECYCLE,
        activity: { kind: 'waiting', untilMs: event.rotateAtMs, behind: 'issue' },
        notAfterMs: event.notAfterMs,
      };
    case 'failed': {
      const next = failed(state, event);
      return state.isOutdated ? hurried(next, event.nowMs) : next;
    }
    case 'changed':
      return state.activity.kind === 'issuing' ? { ...state, isOutdated: true } : hurried(state, event.nowMs);
    default:
      return event satisfies never;
  }
}

function failed(state: Lifecycle, { nowMs, draw, failure, crowd = 1, notSoonerMs = 0 }: Failed): Lifecycle {
  const remainingMs = Math.max(0, state.notAfterMs - nowMs);
  const { failures } = state;
  const delayMs = retryDelayMs({ kind: failure, failures, remainingMs, crowd, notSoonerMs }, draw);
  return {
    ...state,
    activity: { kind: 'waiting', untilMs: nowMs + delayMs, behind: failure },
    failures: failures + 1,
  };
}

/**
 * Behind a refusal the next try comes now, unless the last one that came so was a moment ago. Nothing else is moved.
 */
function hurried(state: Lifecycle, nowMs: number): Lifecycle {
  const { activity, hurriedAtMs } = state;
  if (activity.kind !== 'waiting' || activity.behind !== 'refused') return state;
  // The distance, not the order: a clock that was set back must not silence changes until it is there again.
  const isRecent = Math.abs(nowMs - hurriedAtMs) <= MIN_HURRY_INTERVAL_MS;
  const untilMs = isRecent ? hurriedAtMs + MIN_HURRY_INTERVAL_MS : nowMs;
  if (activity.untilMs <= untilMs) return state;
  return { ...state, activity: { ...activity, untilMs }, hurriedAtMs: untilMs };
}

/**
 * Whether the `failures`-th failure in a row is worth a line: the 1st, 2nd, 4th, 8th and so on. An outage of hours
 * must be seen, and must not fill the disk.
 */
export function isWorthLogging(failures: number): boolean {
  return (failures & (failures - 1)) === 0;
}
